package porttest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"orderflow/adapters/memory"
	"orderflow/ports"
)

func proofsOfOffsets() []proof[ChangeFeedHarness] {
	const (
		crash    = "what was not committed comes again"
		resume   = "a consumer resumes behind what it committed"
		older    = "an older commit changes nothing"
		separate = "each consumer has its own offset"
		restart  = "consumers resume after a restart"
	)
	reopensAs := func(broken func(s *memory.Store) ChangeFeedHarness) func(*memory.Store) ChangeFeedHarness {
		return func(s *memory.Store) ChangeFeedHarness {
			h := soundFeed(s)
			h.Reopen = func(testing.TB) ChangeFeedHarness { return broken(s.Reopen()) }
			return h
		}
	}
	return []proof[ChangeFeedHarness]{
		{
			broken: "takes a delivery for a commit", scenario: crash, says: "for: a delivery to a, which got 0 of", hangs: true,
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
		{broken: "loses commits", scenario: crash, says: "which must not come", adapter: commitsNothing},
		{broken: "loses commits", scenario: resume, says: "which must not come", adapter: commitsNothing},
		{broken: "commits what was delivered, whatever was committed", scenario: resume, says: "before its predecessor", adapter: commitsEverything},
		{broken: "skips a record when it resumes", scenario: resume, says: "before its predecessor", adapter: skipsFirst},
		{
			broken: "repeats the record that was committed", scenario: resume, says: "which must not come",
			adapter: commitsAt(func(all []string) string { return shift(all[len(all)-1], -1) }),
		},
		{broken: "exchanges records", scenario: resume, says: "before its predecessor", adapter: swapped},
		{
			broken: "keeps the last commit instead of the greatest", scenario: older, says: "which must not come",
			adapter: commitsAt(func(all []string) string { return all[len(all)-1] }),
		},
		{broken: "keeps the first commit", scenario: resume, says: "which must not come", adapter: keepsFirstCommit},
		{broken: "compares positions as text", scenario: older, says: "which must not come", adapter: commitsAt(slices.Max[[]string])},
		{broken: "commits for everybody", scenario: separate, says: "for: a delivery to b", hangs: true, adapter: commitsForEverybody},
		{
			broken: "seeks for everybody", scenario: separate, says: "for: a delivery to b", hangs: true,
			adapter: feeds(func(s *memory.Store) brokenFeed {
				return brokenFeed{subscribe: func(ctx context.Context, consumer string) (ports.Subscription, error) {
					if consumer == "b" {
						_ = s.SeekEnd(ctx, consumer)
					}
					return s.Subscribe(ctx, consumer)
				}}
			}),
		},
		{
			broken: "takes names that begin alike for the same", scenario: separate, says: "for: a delivery to a2", hangs: true,
			adapter: feeds(func(s *memory.Store) brokenFeed {
				return brokenFeed{subscribe: func(ctx context.Context, consumer string) (ports.Subscription, error) {
					return s.Subscribe(ctx, consumer[:1])
				}}
			}),
		},
		{
			broken: "forgets offsets", scenario: restart, says: "no offset",
			adapter: reopensAs(feeds(func(*memory.Store) brokenFeed {
				return brokenFeed{subscribe: func(context.Context, string) (ports.Subscription, error) { return nil, ports.ErrNoOffset }}
			})),
		},
		{
			broken: "starts at the end", scenario: restart, says: "for: a delivery to none", hangs: true,
			adapter: reopensAs(feeds(func(s *memory.Store) brokenFeed {
				return brokenFeed{subscribe: func(ctx context.Context, consumer string) (ports.Subscription, error) {
					_ = s.SeekEnd(ctx, consumer)
					return s.Subscribe(ctx, consumer)
				}}
			})),
		},
		{broken: "skips a record", scenario: restart, says: "before its predecessor", adapter: reopensAs(skipsFirst)},
	}
}

// keepsFirstCommit ignores every commit of a consumer except for its first one.
func keepsFirstCommit(s *memory.Store) ChangeFeedHarness {
	var done sync.Map
	return subs(func(_ *memory.Store, b *brokenSub) {
		b.commit = func(ctx context.Context, p ports.Position) error {
			if _, again := done.LoadOrStore(b.consumer, true); again {
				return nil
			}
			return b.Subscription.Commit(ctx, p)
		}
	})(s)
}

// commitsForEverybody has one offset for all consumers.
func commitsForEverybody(s *memory.Store) ChangeFeedHarness {
	committed := false
	h := subs(func(_ *memory.Store, b *brokenSub) {
		b.commit = func(ctx context.Context, p ports.Position) error {
			committed = true
			return b.Subscription.Commit(ctx, p)
		}
	})(s)
	feed := h.Feed
	h.Feed = brokenFeed{ChangeFeed: feed, subscribe: func(ctx context.Context, consumer string) (ports.Subscription, error) {
		if committed {
			_ = s.SeekEnd(ctx, consumer)
		}
		return feed.Subscribe(ctx, consumer)
	}}
	return h
}
