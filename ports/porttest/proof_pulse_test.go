package porttest

import (
	"context"
	"strconv"
	"time"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// brokenPulse is a pulse that does something else.
type brokenPulse func(ctx context.Context, at time.Time) error

func (b brokenPulse) Beat(ctx context.Context, at time.Time) error { return b(ctx, at) }

// pulses breaks the sender of heartbeats.
func pulses(broken func(s *memory.Store) brokenPulse) func(*memory.Store) ChangeFeedHarness {
	return func(s *memory.Store) ChangeFeedHarness {
		h := soundFeed(s)
		h.Pulse = broken(s)
		return h
	}
}

// beats changes what next does with heartbeats. take gets each heartbeat and returns whether it is
// delivered at once.
func beats(take func(s *memory.Store, next nextFunc, d *ports.Delivery) bool) func(*memory.Store) ChangeFeedHarness {
	return nexts(func(s *memory.Store, next nextFunc) nextFunc {
		return func(ctx context.Context) (ports.Delivery, error) {
			for {
				d, err := next(ctx)
				if err != nil || d.Beat.IsZero() || take(s, next, &d) {
					return d, err
				}
			}
		}
	})
}

func proofsOfPulse() []proof[ChangeFeedHarness] {
	const (
		behind    = "a heartbeat comes behind what was acknowledged before it"
		wakes     = "a heartbeat wakes a blocked next"
		everybody = "a heartbeat reaches everybody who is subscribed and nobody who comes later"
		lag       = "a heartbeat is no lag"
		commit    = "a commit of a heartbeat commits what came before it and no more"
		newest    = "the newest heartbeat reaches a consumer that did not read for a while"
		between   = "heartbeats come in between and disturb nothing"
	)
	return []proof[ChangeFeedHarness]{
		{broken: "sends heartbeats past the feed", scenario: behind, says: "which was acknowledged before it was sent", adapter: beatsFirst},
		{
			broken: "sends nothing", scenario: behind, says: "for: a delivery to a", hangs: true,
			adapter: pulses(func(*memory.Store) brokenPulse { return func(context.Context, time.Time) error { return nil } }),
		},
		{
			broken: "tells its own time", scenario: behind, says: "which must not come",
			adapter: pulses(func(s *memory.Store) brokenPulse {
				return func(ctx context.Context, _ time.Time) error { return s.Beat(ctx, time.Now()) }
			}),
		},
		{
			broken: "tells local time", scenario: behind, says: "which is not in UTC",
			adapter: beats(func(_ *memory.Store, _ nextFunc, d *ports.Delivery) bool {
				d.Beat = d.Beat.In(time.FixedZone("", 0))
				return true
			}),
		},
		{
			broken: "makes a heartbeat of a record", scenario: behind, says: "with the record",
			adapter: nexts(func(_ *memory.Store, next nextFunc) nextFunc {
				last := eventsourcing.Record{EventType: "none yet"}
				return func(ctx context.Context) (ports.Delivery, error) {
					d, err := next(ctx)
					if d.Beat.IsZero() {
						last = d.Record
					} else {
						d.Record = last
					}
					return d, err
				}
			}),
		},
		{broken: "lets heartbeats wait for a record", scenario: wakes, says: "to be woken by a heartbeat", hangs: true, adapter: beatsWithRecords},
		{broken: "tells one consumer", scenario: everybody, says: "for: a delivery to b", hangs: true, adapter: tellsOne},
		{broken: "keeps heartbeats for whoever comes", scenario: everybody, says: "which must not come", adapter: keepsBeats},
		{broken: "counts heartbeats", scenario: lag, says: "lag of b with 0 events", hangs: true, adapter: countsBeats},
		{
			broken: "gives a heartbeat no position", scenario: commit, says: "commit of a heartbeat by a",
			adapter: beats(func(_ *memory.Store, _ nextFunc, d *ports.Delivery) bool { d.Position = ports.Position{}; return true }),
		},
		{
			broken: "gives a heartbeat the position of the end", scenario: commit, says: "for: a delivery to a", hangs: true,
			adapter: beatsAtEnd,
		},
		{broken: "commits no heartbeat", scenario: commit, says: "which must not come", adapter: commitsNoBeat},
		{
			broken: "drops heartbeats that do not fit into a buffer", scenario: newest, says: "for: a delivery to a", hangs: true,
			adapter: func(s *memory.Store) ChangeFeedHarness {
				dropped := map[time.Time]bool{}
				for n := 16; n <= 60; n++ {
					dropped[beatTime(n)] = true
				}
				return subs(func(_ *memory.Store, b *brokenSub) {
					b.next = func(ctx context.Context) (ports.Delivery, error) {
						for {
							if d, err := b.Subscription.Next(ctx); err != nil || b.consumer != "a" || !dropped[d.Beat] {
								return d, err
							}
						}
					}
				})(s)
			},
		},
		{
			broken: "puts a heartbeat in the place of a record", scenario: between, says: "before its predecessor",
			adapter: beats(func(_ *memory.Store, next nextFunc, _ *ports.Delivery) bool {
				ended, cancel := context.WithTimeout(context.Background(), time.Millisecond)
				defer cancel()
				_, _ = next(ended)
				return true
			}),
		},
		{
			broken: "beats although the context has ended", scenario: "an ended context stops a heartbeat", says: "Beat with an ended context",
			adapter: pulses(func(s *memory.Store) brokenPulse {
				return func(ctx context.Context, at time.Time) error { return s.Beat(context.WithoutCancel(ctx), at) }
			}),
		},
		{
			broken: "beats and then looks at the context", scenario: "an ended context stops a heartbeat", says: "which must not come",
			adapter: pulses(func(s *memory.Store) brokenPulse {
				return func(ctx context.Context, at time.Time) error {
					if err := s.Beat(context.WithoutCancel(ctx), at); err != nil {
						return err
					}
					return ctx.Err()
				}
			}),
		},
	}
}

// beatsFirst delivers a heartbeat before the record that must come first.
func beatsFirst(s *memory.Store) ChangeFeedHarness {
	sent := make(chan time.Time, 100)
	h := nexts(func(_ *memory.Store, next nextFunc) nextFunc {
		return func(ctx context.Context) (ports.Delivery, error) {
			select {
			case at := <-sent:
				return ports.Delivery{Beat: at}, nil
			default:
				return next(ctx)
			}
		}
	})(s)
	h.Pulse = brokenPulse(func(_ context.Context, at time.Time) error {
		sent <- at
		return nil
	})
	return h
}

// beatsWithRecords delivers heartbeats together with the next record.
func beatsWithRecords(s *memory.Store) ChangeFeedHarness {
	return nexts(func(_ *memory.Store, next nextFunc) nextFunc {
		var held []ports.Delivery
		ready := false
		return func(ctx context.Context) (ports.Delivery, error) {
			for !ready {
				d, err := next(ctx)
				if err != nil {
					return d, err
				}
				held, ready = append(held, d), d.Beat.IsZero()
			}
			d := held[0]
			held = held[1:]
			ready = len(held) > 0
			return d, nil
		}
	})(s)
}

// tellsOne delivers heartbeats only to the first consumer.
func tellsOne(s *memory.Store) ChangeFeedHarness {
	return subs(func(_ *memory.Store, b *brokenSub) {
		b.next = func(ctx context.Context) (ports.Delivery, error) {
			for {
				if d, err := b.Subscription.Next(ctx); err != nil || b.consumer == "a" || d.Beat.IsZero() {
					return d, err
				}
			}
		}
	})(s)
}

// keepsBeats gives every subscription the last heartbeat first.
func keepsBeats(s *memory.Store) ChangeFeedHarness {
	var last time.Time
	h := nexts(func(_ *memory.Store, next nextFunc) nextFunc {
		kept := ports.Delivery{Beat: last}
		return func(ctx context.Context) (ports.Delivery, error) {
			if d := kept; !d.Beat.IsZero() {
				kept = ports.Delivery{}
				return d, nil
			}
			return next(ctx)
		}
	})(s)
	h.Pulse = brokenPulse(func(ctx context.Context, at time.Time) error {
		last = at
		return s.Beat(ctx, at)
	})
	return h
}

// countsBeats counts heartbeats as events.
func countsBeats(s *memory.Store) ChangeFeedHarness {
	sent := uint64(0)
	h := feeds(func(s *memory.Store) brokenFeed {
		return brokenFeed{lag: func(ctx context.Context, consumer string) (ports.Lag, error) {
			lag, err := s.Lag(ctx, consumer)
			lag.Events += sent
			return lag, err
		}}
	})(s)
	h.Pulse = brokenPulse(func(ctx context.Context, at time.Time) error {
		sent++
		return s.Beat(ctx, at)
	})
	return h
}

// beatsAtEnd gives a heartbeat the position of the last record in the feed.
func beatsAtEnd(s *memory.Store) ChangeFeedHarness {
	return nexts(func(s *memory.Store, next nextFunc) nextFunc {
		var fetched []ports.Delivery
		return func(ctx context.Context) (ports.Delivery, error) {
			if len(fetched) > 0 {
				d := fetched[0]
				fetched = fetched[1:]
				return d, nil
			}
			d, err := next(ctx)
			if err != nil || d.Beat.IsZero() {
				return d, err
			}
			for d.Position.Offset != strconv.FormatUint(outboxEnd(s), 10) {
				more, err := next(ctx)
				if err != nil {
					return d, err
				}
				fetched = append(fetched, more)
				d.Position = more.Position
			}
			return d, nil
		}
	})(s)
}

// commitsNoBeat commits records only.
func commitsNoBeat(s *memory.Store) ChangeFeedHarness {
	return subs(func(_ *memory.Store, b *brokenSub) {
		beat := false
		b.next = func(ctx context.Context) (ports.Delivery, error) {
			d, err := b.Subscription.Next(ctx)
			beat = !d.Beat.IsZero()
			return d, err
		}
		b.commit = func(ctx context.Context, p ports.Position) error {
			if beat {
				return nil
			}
			return b.Subscription.Commit(ctx, p)
		}
	})(s)
}
