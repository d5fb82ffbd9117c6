package porttest

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/ports"
)

func proofsOfLag() []proof[ChangeFeedHarness] {
	const (
		unknown = "lag is unknown without an offset"
		counts  = "lag counts what is not committed"
		age     = "the age of a lag is that of its oldest record"
	)
	lags := func(broken func(lag ports.Lag) ports.Lag) func(*memory.Store) ChangeFeedHarness {
		return feeds(func(s *memory.Store) brokenFeed {
			return brokenFeed{lag: func(ctx context.Context, consumer string) (ports.Lag, error) {
				lag, err := s.Lag(ctx, consumer)
				return broken(lag), err
			}}
		})
	}
	return []proof[ChangeFeedHarness]{
		{
			broken: "takes unknown for none", scenario: unknown, says: "lag of a with nothing known", hangs: true,
			adapter: lags(func(lag ports.Lag) ports.Lag { lag.Known = true; return lag }),
		},
		{
			broken: "never knows", scenario: unknown, says: "lag of a with 0 events", hangs: true,
			adapter: lags(func(ports.Lag) ports.Lag { return ports.Lag{} }),
		},
		{
			broken: "says there is none", scenario: counts, says: "lag of a with 9 events", hangs: true,
			adapter: lags(func(ports.Lag) ports.Lag { return ports.Lag{Known: true} }),
		},
		{
			broken: "is one off", scenario: counts, says: "lag of a with 0 events", hangs: true,
			adapter: lags(func(lag ports.Lag) ports.Lag { lag.Events++; return lag }),
		},
		{
			broken: "takes a delivery for a commit", scenario: counts, says: "lag of a with 9 events", hangs: true,
			adapter: subs(func(_ *memory.Store, b *brokenSub) {
				b.next = func(ctx context.Context) (ports.Delivery, error) {
					d, err := b.Subscription.Next(ctx)
					if err == nil {
						err = b.Subscription.Commit(ctx, d.Position)
					}
					return d, err
				}
			}),
		},
		{
			broken: "counts commits late", scenario: counts, says: "lag of a with", hangs: true,
			adapter: commitsAt(func(all []string) string { return all[len(all)-1] }),
		},
		{
			broken: "is as old as it is long", scenario: counts, says: "lag of a with 0 events", hangs: true,
			adapter: lags(func(lag ports.Lag) ports.Lag { lag.Age++; return lag }),
		},
		{
			broken: "does not grow older", scenario: age, says: "an age that grows", hangs: true,
			adapter: lags(func(lag ports.Lag) ports.Lag { lag.Age = 0; return lag }),
		},
		{
			broken: "counts in another unit", scenario: age, says: "but its record was appended at most",
			adapter: lags(func(lag ports.Lag) ports.Lag { lag.Age *= 1000; return lag }),
		},
		{broken: "tells the age of the youngest record", scenario: age, says: "the lag's age went down", adapter: youngestAge},
		{broken: "tells the greatest age there ever was", scenario: age, says: "but what is left was appended at most", adapter: greatestAge},
	}
}

// youngestAge gives a lag of two events the age of a new one.
func youngestAge(s *memory.Store) ChangeFeedHarness {
	return feeds(func(s *memory.Store) brokenFeed {
		return brokenFeed{lag: func(ctx context.Context, consumer string) (ports.Lag, error) {
			lag, err := s.Lag(ctx, consumer)
			if lag.Events > 1 {
				lag.Age = 0
			}
			return lag, err
		}}
	})(s)
}

// greatestAge never lets the age go down.
func greatestAge(s *memory.Store) ChangeFeedHarness {
	return feeds(func(s *memory.Store) brokenFeed {
		var greatest ports.Lag
		return brokenFeed{lag: func(ctx context.Context, consumer string) (ports.Lag, error) {
			lag, err := s.Lag(ctx, consumer)
			lag.Age = max(lag.Age, greatest.Age)
			greatest = lag
			return lag, err
		}}
	})(s)
}

func proofsOfExpiry() []proof[ChangeFeedHarness] {
	const (
		offset       = "an expired offset is refused until seek end"
		subscription = "next says when records expired before it got to them"
		atEnd        = "a consumer at the end does not expire"
	)
	return []proof[ChangeFeedHarness]{
		{
			broken: "skips in silence", scenario: offset, says: "error <nil>, want offset expired",
			adapter: feeds(func(s *memory.Store) brokenFeed {
				return brokenFeed{subscribe: func(ctx context.Context, consumer string) (ports.Subscription, error) {
					sub, err := s.Subscribe(ctx, consumer)
					if errors.Is(err, ports.ErrOffsetExpired) {
						_ = s.SeekEnd(ctx, consumer)
						return s.Subscribe(ctx, consumer)
					}
					return sub, err
				}}
			}),
		},
		{
			broken: "takes expired for new", scenario: offset, says: "want offset expired",
			adapter: feeds(func(s *memory.Store) brokenFeed {
				return brokenFeed{subscribe: func(ctx context.Context, consumer string) (ports.Subscription, error) {
					sub, err := s.Subscribe(ctx, consumer)
					if errors.Is(err, ports.ErrOffsetExpired) {
						err = ports.ErrNoOffset
					}
					return sub, err
				}}
			}),
		},
		{
			broken: "tells a lag that nobody can know", scenario: offset, says: "lag of a with nothing known", hangs: true,
			adapter: feeds(func(s *memory.Store) brokenFeed {
				return brokenFeed{lag: func(ctx context.Context, consumer string) (ports.Lag, error) {
					lag, err := s.Lag(ctx, consumer)
					lag.Known = true
					return lag, err
				}}
			}),
		},
		{broken: "skips in silence", scenario: subscription, says: "before its predecessor", adapter: skipsExpired},
		{
			broken: "ends with another error", scenario: subscription, says: "closed, want offset expired",
			adapter: nexts(func(_ *memory.Store, next nextFunc) nextFunc {
				return func(ctx context.Context) (ports.Delivery, error) {
					d, err := next(ctx)
					if errors.Is(err, ports.ErrOffsetExpired) {
						err = ports.ErrClosed
					}
					return d, err
				}
			}),
		},
		{broken: "lets everybody expire", scenario: atEnd, says: "offset expired", adapter: expiresAll},
		{
			broken: "forgets who was at the end", scenario: atEnd, says: "lag of b with 0 events", hangs: true,
			adapter: feeds(func(*memory.Store) brokenFeed {
				return brokenFeed{lag: func(context.Context, string) (ports.Lag, error) { return ports.Lag{}, nil }}
			}),
		},
	}
}

// skipsExpired continues after the expired records as if nothing had happened.
func skipsExpired(s *memory.Store) ChangeFeedHarness {
	return subs(func(s *memory.Store, b *brokenSub) {
		id := uuid.Nil
		b.next = func(ctx context.Context) (ports.Delivery, error) {
			d, err := b.Subscription.Next(ctx)
			if err == nil {
				id = d.Record.AggregateID
			}
			if !errors.Is(err, ports.ErrOffsetExpired) {
				return d, err
			}
			history, err := s.Load(ctx, id, 0)
			return ports.Delivery{Record: history[len(history)-1]}, err
		}
	})(s)
}

// expiresAll refuses every consumer after an expiry, once.
func expiresAll(s *memory.Store) ChangeFeedHarness {
	expired := false
	h := feeds(func(s *memory.Store) brokenFeed {
		return brokenFeed{subscribe: func(ctx context.Context, consumer string) (ports.Subscription, error) {
			if expired {
				return nil, ports.ErrOffsetExpired
			}
			return s.Subscribe(ctx, consumer)
		}}
	})(s)
	h.Expire = func() {
		expired = true
		s.Expire()
	}
	return h
}
