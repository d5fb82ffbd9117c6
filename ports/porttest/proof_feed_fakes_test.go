package porttest

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// brokenFeed replaces the functions that are set.
type brokenFeed struct {
	ports.ChangeFeed
	subscribe func(ctx context.Context, consumer string) (ports.Subscription, error)
	seekEnd   func(ctx context.Context, consumer string) error
	lag       func(ctx context.Context, consumer string) (ports.Lag, error)
}

func (b brokenFeed) Subscribe(ctx context.Context, consumer string) (ports.Subscription, error) {
	if b.subscribe == nil {
		return b.ChangeFeed.Subscribe(ctx, consumer)
	}
	return b.subscribe(ctx, consumer)
}

func (b brokenFeed) SeekEnd(ctx context.Context, consumer string) error {
	if b.seekEnd == nil {
		return b.ChangeFeed.SeekEnd(ctx, consumer)
	}
	return b.seekEnd(ctx, consumer)
}

func (b brokenFeed) Lag(ctx context.Context, consumer string) (ports.Lag, error) {
	if b.lag == nil {
		return b.ChangeFeed.Lag(ctx, consumer)
	}
	return b.lag(ctx, consumer)
}

// brokenSub replaces the functions that are set.
type brokenSub struct {
	ports.Subscription
	consumer string
	next     func(ctx context.Context) (ports.Delivery, error)
	commit   func(ctx context.Context, p ports.Position) error
	close    func() error
}

func (b *brokenSub) Next(ctx context.Context) (ports.Delivery, error) {
	if b.next == nil {
		return b.Subscription.Next(ctx)
	}
	return b.next(ctx)
}

func (b *brokenSub) Commit(ctx context.Context, p ports.Position) error {
	if b.commit == nil {
		return b.Subscription.Commit(ctx, p)
	}
	return b.commit(ctx, p)
}

func (b *brokenSub) Close() error {
	if b.close == nil {
		return b.Subscription.Close()
	}
	return b.close()
}

func soundFeed(s *memory.Store) ChangeFeedHarness {
	return ChangeFeedHarness{
		Feed:   s,
		Store:  s,
		Pulse:  s,
		Close:  s.Close,
		Reopen: func(testing.TB) ChangeFeedHarness { return soundFeed(s.Reopen()) },
		Expire: s.Expire,
	}
}

// feeds breaks the feed.
func feeds(broken func(s *memory.Store) brokenFeed) func(*memory.Store) ChangeFeedHarness {
	return func(s *memory.Store) ChangeFeedHarness {
		h := soundFeed(s)
		feed := broken(s)
		feed.ChangeFeed = s
		h.Feed = feed
		return h
	}
}

// subs breaks every subscription.
func subs(broken func(s *memory.Store, b *brokenSub)) func(*memory.Store) ChangeFeedHarness {
	return feeds(func(s *memory.Store) brokenFeed {
		return brokenFeed{subscribe: func(ctx context.Context, consumer string) (ports.Subscription, error) {
			sub, err := s.Subscribe(ctx, consumer)
			if err != nil {
				return nil, err
			}
			b := &brokenSub{Subscription: sub, consumer: consumer}
			broken(s, b)
			return b, nil
		}}
	})
}

// nexts breaks Next of every subscription. The broken functions are called by one goroutine at a
// time, as Next is.
func nexts(broken func(s *memory.Store, next nextFunc) nextFunc) func(*memory.Store) ChangeFeedHarness {
	return subs(func(s *memory.Store, b *brokenSub) { b.next = broken(s, b.Subscription.Next) })
}

type nextFunc = func(ctx context.Context) (ports.Delivery, error)

// deliversSpoiled changes every record that is delivered.
func deliversSpoiled(spoil func(*eventsourcing.Record)) func(*memory.Store) ChangeFeedHarness {
	return nexts(func(_ *memory.Store, next nextFunc) nextFunc {
		return func(ctx context.Context) (ports.Delivery, error) {
			d, err := next(ctx)
			spoil(&d.Record)
			return d, err
		}
	})
}

// skips leaves out deliveries by their number within a subscription, counted from 1.
func skips(out func(n int) bool) func(*memory.Store) ChangeFeedHarness {
	return nexts(func(_ *memory.Store, next nextFunc) nextFunc {
		count := 0
		return func(ctx context.Context) (ports.Delivery, error) {
			d, err := next(ctx)
			if err != nil {
				return d, err
			}
			if count++; out(count) {
				return next(ctx)
			}
			return d, nil
		}
	})
}

var skipsFirst = skips(func(n int) bool { return n == 1 })

// swapsPairs delivers the second of two records first when there are two.
func swapsPairs(s *memory.Store, next nextFunc) nextFunc {
	var held []ports.Delivery
	return func(ctx context.Context) (ports.Delivery, error) {
		if len(held) == 0 {
			first, err := next(ctx)
			if err != nil {
				return first, err
			}
			held = append(held, first)
			if at, _ := strconv.ParseUint(first.Position.Offset, 10, 64); at < outboxEnd(s) {
				second, err := next(ctx)
				if err != nil {
					return second, err
				}
				held = slices.Insert(held, 0, second)
			}
		}
		d := held[0]
		held = held[1:]
		return d, nil
	}
}

// outboxEnd is the number of records in the outbox.
func outboxEnd(s *memory.Store) uint64 {
	page, err := s.ListOutbox(context.Background(), "", 1<<20)
	if err != nil {
		return 0
	}
	return uint64(len(page.Records))
}

// swapped is a feed that exchanges pairs.
var swapped = nexts(swapsPairs)

// seeksNowhere gives the consumers of the scenarios an offset at the beginning and never moves it.
var seeksNowhere = feeds(func(s *memory.Store) brokenFeed {
	for _, consumer := range []string{"a", "b", "early", "late"} {
		_ = s.SeekEnd(context.Background(), consumer)
	}
	return brokenFeed{seekEnd: func(ctx context.Context, consumer string) error {
		s2, err := s.Subscribe(ctx, consumer)
		if err != nil {
			return err
		}
		return s2.Close()
	}}
})

// commitsNothing loses every commit.
var commitsNothing = subs(func(_ *memory.Store, b *brokenSub) {
	b.commit = func(context.Context, ports.Position) error { return nil }
})

// commitsEverything moves the offset to the last delivery, no matter what is committed.
var commitsEverything = subs(func(_ *memory.Store, b *brokenSub) {
	var last ports.Position
	b.next = func(ctx context.Context) (ports.Delivery, error) {
		d, err := b.Subscription.Next(ctx)
		if err == nil {
			last = d.Position
		}
		return d, err
	}
	b.commit = func(ctx context.Context, _ ports.Position) error { return b.Subscription.Commit(ctx, last) }
})

// commitsAt commits when the subscription is closed. choose selects one of all committed positions.
func commitsAt(choose func(all []string) string) func(*memory.Store) ChangeFeedHarness {
	return subs(func(_ *memory.Store, b *brokenSub) {
		var mu sync.Mutex
		var all []string
		b.commit = func(ctx context.Context, p ports.Position) error {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, p.Offset)
			return ctx.Err()
		}
		b.close = func() error {
			mu.Lock()
			defer mu.Unlock()
			if len(all) > 0 {
				_ = b.Subscription.Commit(context.Background(), ports.Position{Offset: choose(all)})
			}
			return b.Subscription.Close()
		}
	})
}

// shift adds to an offset.
func shift(offset string, by int) string {
	n, _ := strconv.Atoi(offset)
	return strconv.Itoa(max(0, n+by))
}
