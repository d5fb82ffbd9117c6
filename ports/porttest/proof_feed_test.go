package porttest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func TestChangeFeed_IsProved(t *testing.T) {
	t.Parallel()
	prove(t, changeFeedScenarios(), soundFeed, slices.Concat(
		proofsOfDelivery(), proofsOfFeedTypes(), proofsOfIndependence(), proofsOfOffsets(), proofsOfFeedEnds(), proofsOfLag(), proofsOfExpiry(), proofsOfPulse()))
}

func proofsOfDelivery() []proof[ChangeFeedHarness] {
	const (
		concurrent = "every record of concurrent writers comes, in order"
		fields     = "every field of a record is delivered"
		slow       = "a slow consumer holds no writer up and misses nothing"
		wakes      = "next waits and wakes up"
	)
	return []proof[ChangeFeedHarness]{
		{
			broken: "starts a new consumer by itself", scenario: "a new consumer has no offset", says: "error <nil>, want no offset",
			adapter: feeds(func(s *memory.Store) brokenFeed {
				return brokenFeed{subscribe: func(ctx context.Context, consumer string) (ports.Subscription, error) {
					_ = s.SeekEnd(ctx, consumer)
					return s.Subscribe(ctx, consumer)
				}}
			}),
		},
		{broken: "seeks nowhere", scenario: "seek end lets only later records through", says: "late was given", adapter: seeksNowhere},
		{
			broken: "drops the first record after seek end", scenario: "seek end lets only later records through", says: "before its predecessor",
			adapter: skipsFirst,
		},
		{
			broken: "seeks only once", scenario: "seek end skips what was not delivered", says: "which must not come",
			adapter: feeds(func(s *memory.Store) brokenFeed {
				var done sync.Map
				return brokenFeed{seekEnd: func(ctx context.Context, consumer string) error {
					if _, again := done.LoadOrStore(consumer, true); again {
						return nil
					}
					return s.SeekEnd(ctx, consumer)
				}}
			}),
		},
		{broken: "loses metadata", scenario: fields, says: "Metadata", adapter: deliversSpoiled(func(r *eventsourcing.Record) { r.Metadata = nil })},
		{broken: "loses the event version", scenario: fields, says: "EventVersion", adapter: deliversSpoiled(func(r *eventsourcing.Record) { r.EventVersion = 1 })},
		{
			broken: "cuts payloads", scenario: fields, says: "Payload",
			adapter: deliversSpoiled(func(r *eventsourcing.Record) { r.Payload = r.Payload[:min(len(r.Payload), 1<<16)] }),
		},
		{broken: "exchanges records", scenario: concurrent, says: "before its predecessor", adapter: swapped},
		{broken: "loses records", scenario: concurrent, says: "before its predecessor", adapter: skips(func(n int) bool { return n%7 == 0 })},
		{
			broken: "delivers a record twice without saying so", scenario: concurrent, says: "it came before: true",
			adapter: nexts(func(_ *memory.Store, next nextFunc) nextFunc {
				var d ports.Delivery
				var err error
				count := 0
				return func(ctx context.Context) (ports.Delivery, error) {
					if count++; count != 20 {
						d, err = next(ctx)
					}
					return d, err
				}
			}),
		},
		{
			broken: "spreads an aggregate over streams", scenario: concurrent, says: "and an earlier event in stream",
			adapter: nexts(func(_ *memory.Store, next nextFunc) nextFunc {
				return func(ctx context.Context) (ports.Delivery, error) {
					d, err := next(ctx)
					d.Position.Stream = d.Position.Offset
					return d, err
				}
			}),
		},
		{broken: "delivers what lost", scenario: "what was refused is not delivered", says: "delivery to a", adapter: deliversLosers},
		{
			broken: "does not wake up", scenario: wakes, says: "a blocked Next to be woken by an append", hangs: true,
			adapter: nexts(func(s *memory.Store, next nextFunc) nextFunc {
				seen := uint64(0)
				return func(ctx context.Context) (ports.Delivery, error) {
					if seen == outboxEnd(s) {
						<-ctx.Done()
						return ports.Delivery{}, ctx.Err()
					}
					seen++
					return next(ctx)
				}
			}),
		},
		{
			broken: "gives up when there is nothing", scenario: wakes, says: "unavailable, want context deadline exceeded",
			adapter: nexts(func(_ *memory.Store, next nextFunc) nextFunc {
				return func(ctx context.Context) (ports.Delivery, error) {
					ended, cancel := context.WithTimeout(ctx, 1)
					defer cancel()
					d, err := next(ended)
					if errors.Is(err, context.DeadlineExceeded) {
						err = ports.ErrUnavailable
					}
					return d, err
				}
			}),
		},
		{
			broken: "drops what does not fit into a buffer", scenario: slow, says: "before its predecessor",
			adapter: nexts(func(s *memory.Store, next nextFunc) nextFunc {
				const buffer = 100
				seen := uint64(0)
				return func(ctx context.Context) (ports.Delivery, error) {
					for ; seen+buffer < outboxEnd(s); seen++ {
						if d, err := next(ctx); seen == 0 {
							seen++
							return d, err
						}
					}
					seen++
					return next(ctx)
				}
			}),
		},
		{
			broken: "makes writers wait for consumers", scenario: slow, says: "for: writers that a slow consumer must not hold up", hangs: true,
			adapter: blocksWriters(50),
		},
	}
}

// deliversLosers also delivers the events of appends that have lost.
func deliversLosers(s *memory.Store) ChangeFeedHarness {
	var mu sync.Mutex
	var lost []eventsourcing.Record
	h := nexts(func(_ *memory.Store, next nextFunc) nextFunc {
		return func(ctx context.Context) (ports.Delivery, error) {
			mu.Lock()
			defer mu.Unlock()
			if len(lost) > 0 {
				r := lost[0]
				lost = lost[1:]
				return ports.Delivery{Record: r, Position: ports.Position{Offset: "1"}}, nil
			}
			return next(ctx)
		}
	})(s)
	h.Store = brokenEvents{EventStore: s, append: func(ctx context.Context, a ports.Append) (ports.Appended, error) {
		got, err := s.Append(ctx, a)
		if errors.Is(err, ports.ErrVersionConflict) {
			mu.Lock()
			defer mu.Unlock()
			lost = append(lost, a.Records...)
		}
		return got, err
	}}
	return h
}

// blocksWriters lets an append wait while more than limit records are not delivered to the first
// consumer.
func blocksWriters(limit int) func(*memory.Store) ChangeFeedHarness {
	return func(s *memory.Store) ChangeFeedHarness {
		room, first := make(chan struct{}, limit), true
		h := subs(func(_ *memory.Store, b *brokenSub) {
			if !first {
				return
			}
			first = false
			b.next = func(ctx context.Context) (ports.Delivery, error) {
				d, err := b.Subscription.Next(ctx)
				if err == nil {
					<-room
				}
				return d, err
			}
		})(s)
		h.Store = brokenEvents{EventStore: s, append: func(ctx context.Context, a ports.Append) (ports.Appended, error) {
			got, err := s.Append(ctx, a)
			for range a.Records {
				select {
				case room <- struct{}{}:
				case <-ctx.Done():
					return got, ctx.Err()
				}
			}
			return got, err
		}}
		return h
	}
}

func proofsOfIndependence() []proof[ChangeFeedHarness] {
	const stuck = "a stuck consumer does not hold another one up"
	return []proof[ChangeFeedHarness]{
		{broken: "delivers to consumers in turn", scenario: stuck, says: "for: a delivery to working", hangs: true, adapter: inTurn},
		{broken: "makes writers wait for consumers", scenario: stuck, says: "for: append to", hangs: true, adapter: blocksWriters(50)},
		{broken: "shares one subscription among consumers", scenario: stuck, says: "for: a delivery to working", hangs: true, adapter: oneForAll},
		{
			broken: "lets a consumer subscribe twice", scenario: "a second subscription of a consumer is refused", says: "was accepted",
			adapter: feeds(func(s *memory.Store) brokenFeed {
				return brokenFeed{subscribe: func(ctx context.Context, consumer string) (ports.Subscription, error) {
					sub, err := s.Subscribe(ctx, consumer)
					if err != nil {
						_ = s.SeekEnd(ctx, consumer+"-2")
						return s.Subscribe(ctx, consumer+"-2")
					}
					return sub, nil
				}}
			}),
		},
		{
			broken: "lets only one consumer subscribe", scenario: "a second subscription of a consumer is refused", says: "subscribe b: unavailable",
			adapter: feeds(func(s *memory.Store) brokenFeed {
				var open bool
				return brokenFeed{subscribe: func(ctx context.Context, consumer string) (ports.Subscription, error) {
					if open {
						return nil, ports.ErrUnavailable
					}
					open = true
					return s.Subscribe(ctx, consumer)
				}}
			}),
		},
		{
			broken: "seeks under a subscription", scenario: "seek end is refused while the consumer is subscribed", says: "was accepted",
			adapter: feeds(func(s *memory.Store) brokenFeed {
				return brokenFeed{seekEnd: func(ctx context.Context, consumer string) error {
					_ = s.SeekEnd(ctx, consumer)
					return nil
				}}
			}),
		},
		{
			broken: "gives consumers the same slices", scenario: "memory is not shared between consumers", says: "delivery to b",
			adapter: func(s *memory.Store) ChangeFeedHarness {
				var shared sync.Map
				return nexts(func(_ *memory.Store, next nextFunc) nextFunc {
					return func(ctx context.Context) (ports.Delivery, error) {
						d, err := next(ctx)
						first, _ := shared.LoadOrStore(d.Position, d.Record)
						d.Record = first.(eventsourcing.Record)
						return d, err
					}
				})(s)
			},
		},
	}
}

// inTurn gives a consumer a record only when no other consumer holds one.
func inTurn(s *memory.Store) ChangeFeedHarness {
	turn := make(chan struct{}, 1)
	return subs(func(_ *memory.Store, b *brokenSub) {
		holding := false
		b.next = func(ctx context.Context) (ports.Delivery, error) {
			if !holding {
				select {
				case turn <- struct{}{}:
					holding = true
				case <-ctx.Done():
					return ports.Delivery{}, ctx.Err()
				}
			}
			return b.Subscription.Next(ctx)
		}
	})(s)
}

// oneForAll gives every consumer the subscription of the first one.
func oneForAll(s *memory.Store) ChangeFeedHarness {
	var first ports.Subscription
	return feeds(func(s *memory.Store) brokenFeed {
		return brokenFeed{subscribe: func(ctx context.Context, consumer string) (ports.Subscription, error) {
			var err error
			if first == nil {
				first, err = s.Subscribe(ctx, consumer)
			}
			return first, err
		}}
	})(s)
}
