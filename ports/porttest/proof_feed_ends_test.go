package porttest

import (
	"context"
	"errors"

	"orderflow/adapters/memory"
	"orderflow/ports"
)

func proofsOfFeedEnds() []proof[ChangeFeedHarness] {
	const (
		cancelled = "an ended context stops a call before it does anything"
		blocked   = "an ended context ends a blocked next, which loses nothing"
		closed    = "closing the subscription ends a blocked next"
		under     = "closing the store ends a blocked next"
	)
	ignoring := func(broken func(s *memory.Store) brokenFeed) func(*memory.Store) ChangeFeedHarness {
		return feeds(broken)
	}
	return []proof[ChangeFeedHarness]{
		{
			broken: "subscribes although the context has ended", scenario: cancelled, says: "Subscribe with an ended context",
			adapter: ignoring(func(s *memory.Store) brokenFeed {
				return brokenFeed{subscribe: func(ctx context.Context, c string) (ports.Subscription, error) {
					return s.Subscribe(context.WithoutCancel(ctx), c)
				}}
			}),
		},
		{
			broken: "subscribes and then looks at the context", scenario: cancelled, says: "already has an open subscription",
			adapter: ignoring(func(s *memory.Store) brokenFeed {
				return brokenFeed{subscribe: func(ctx context.Context, c string) (ports.Subscription, error) {
					sub, err := s.Subscribe(context.WithoutCancel(ctx), c)
					return sub, errors.Join(err, ctx.Err())
				}}
			}),
		},
		{
			broken: "seeks although the context has ended", scenario: cancelled, says: "SeekEnd with an ended context",
			adapter: ignoring(func(s *memory.Store) brokenFeed {
				return brokenFeed{seekEnd: func(ctx context.Context, c string) error { return s.SeekEnd(context.WithoutCancel(ctx), c) }}
			}),
		},
		{
			broken: "seeks and then looks at the context", scenario: cancelled, says: "subscribe after a seek end with an ended context: error <nil>",
			adapter: ignoring(func(s *memory.Store) brokenFeed {
				return brokenFeed{seekEnd: func(ctx context.Context, c string) error {
					return errors.Join(s.SeekEnd(context.WithoutCancel(ctx), c), ctx.Err())
				}}
			}),
		},
		{
			broken: "tells the lag although the context has ended", scenario: cancelled, says: "Lag with an ended context",
			adapter: ignoring(func(s *memory.Store) brokenFeed {
				return brokenFeed{lag: func(ctx context.Context, c string) (ports.Lag, error) { return s.Lag(context.WithoutCancel(ctx), c) }}
			}),
		},
		{
			broken: "delivers although the context has ended", scenario: cancelled, says: "Next with an ended context",
			adapter: subs(func(_ *memory.Store, b *brokenSub) {
				b.next = func(ctx context.Context) (ports.Delivery, error) {
					return b.Subscription.Next(context.WithoutCancel(ctx))
				}
			}),
		},
		{
			broken: "loses a record to an ended context", scenario: cancelled, says: "before its predecessor",
			adapter: subs(func(_ *memory.Store, b *brokenSub) {
				b.next = func(ctx context.Context) (ports.Delivery, error) {
					d, err := b.Subscription.Next(context.WithoutCancel(ctx))
					return d, errors.Join(err, ctx.Err())
				}
			}),
		},
		{
			broken: "commits although the context has ended", scenario: cancelled, says: "Commit with an ended context",
			adapter: subs(func(_ *memory.Store, b *brokenSub) {
				b.commit = func(ctx context.Context, p ports.Position) error {
					return b.Subscription.Commit(context.WithoutCancel(ctx), p)
				}
			}),
		},
		{
			broken: "commits and then looks at the context", scenario: cancelled, says: "before its predecessor",
			adapter: subs(func(_ *memory.Store, b *brokenSub) {
				b.commit = func(ctx context.Context, p ports.Position) error {
					return errors.Join(commitDelivered(b, p), ctx.Err())
				}
			}),
		},
		{
			broken: "waits on although the context has ended", scenario: blocked, says: "a blocked Next to end because its context ended", hangs: true,
			adapter: subs(func(_ *memory.Store, b *brokenSub) {
				b.next = func(ctx context.Context) (ports.Delivery, error) {
					return b.Subscription.Next(context.WithoutCancel(ctx))
				}
			}),
		},
		{
			broken: "ends the subscription with the context of next", scenario: blocked, says: "closed",
			adapter: subs(func(_ *memory.Store, b *brokenSub) {
				b.next = func(ctx context.Context) (ports.Delivery, error) {
					d, err := b.Subscription.Next(ctx)
					if err != nil {
						_ = b.Subscription.Close()
					}
					return d, err
				}
			}),
		},
		{
			broken: "loses what comes after an ended context", scenario: blocked, says: "before its predecessor",
			adapter: nexts(func(_ *memory.Store, next nextFunc) nextFunc {
				lose := false
				return func(ctx context.Context) (ports.Delivery, error) {
					if lose {
						lose = false
						_, _ = next(ctx)
					}
					d, err := next(ctx)
					lose = err != nil
					return d, err
				}
			}),
		},
		{
			broken: "does not tell next of the close", scenario: closed, says: "a blocked Next to end because its subscription was closed", hangs: true,
			adapter: subs(func(_ *memory.Store, b *brokenSub) { b.close = func() error { return nil } }),
		},
		{
			broken: "takes a close for an ended context", scenario: closed, says: "context canceled, want closed",
			adapter: subs(func(_ *memory.Store, b *brokenSub) {
				b.next = func(ctx context.Context) (ports.Delivery, error) {
					d, err := b.Subscription.Next(ctx)
					if errors.Is(err, ports.ErrClosed) {
						err = context.Canceled
					}
					return d, err
				}
			}),
		},
		{
			broken: "commits to a closed subscription", scenario: closed, says: "Commit of a closed subscription: error <nil>",
			adapter: subs(func(_ *memory.Store, b *brokenSub) {
				b.commit = func(ctx context.Context, p ports.Position) error {
					if err := b.Subscription.Commit(ctx, p); !errors.Is(err, ports.ErrClosed) {
						return err
					}
					return nil
				}
			}),
		},
		{
			broken: "cannot be closed twice", scenario: closed, says: "close the subscription of a: closed",
			adapter: subs(func(_ *memory.Store, b *brokenSub) {
				done := false
				b.close = func() error {
					if done {
						return ports.ErrClosed
					}
					done = true
					return b.Subscription.Close()
				}
			}),
		},
		{broken: "closes every subscription with one", scenario: closed, says: "blocked next of b: next of b: closed", adapter: closesAll},
		{
			broken: "does not tell next of the close", scenario: under, says: "a blocked Next to end because the store was closed", hangs: true,
			adapter: func(s *memory.Store) ChangeFeedHarness {
				h := soundFeed(s)
				h.Close = func() error { return nil }
				return h
			},
		},
		{
			broken: "can be used after close", scenario: "a closed store refuses", says: "Subscribe after close: error <nil>",
			adapter: func(s *memory.Store) ChangeFeedHarness {
				h := soundFeed(s)
				h.Close = func() error { return nil }
				return h
			},
		},
		{
			broken: "delivers after close what it has fetched", scenario: "a closed store refuses", says: "Next after close: error <nil>",
			adapter: nexts(func(_ *memory.Store, next nextFunc) nextFunc {
				var fetched []ports.Delivery
				return func(ctx context.Context) (ports.Delivery, error) {
					for range 2 - len(fetched) {
						d, err := next(ctx)
						if err != nil {
							break
						}
						fetched = append(fetched, d)
					}
					if len(fetched) == 0 {
						return next(ctx)
					}
					d := fetched[0]
					fetched = fetched[1:]
					return d, nil
				}
			}),
		},
	}
}

// commitDelivered commits p although the context has ended.
func commitDelivered(b *brokenSub, p ports.Position) error {
	return b.Subscription.Commit(context.Background(), p)
}

// closesAll closes all subscriptions together.
func closesAll(s *memory.Store) ChangeFeedHarness {
	var all []ports.Subscription
	return subs(func(_ *memory.Store, b *brokenSub) {
		all = append(all, b.Subscription)
		b.close = func() error {
			for _, sub := range all {
				_ = sub.Close()
			}
			return nil
		}
	})(s)
}
