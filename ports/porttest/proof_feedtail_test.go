package porttest

import (
	"context"
	"errors"
	"testing"
	"time"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func TestFeedTail_IsProved(t *testing.T) {
	t.Parallel()
	prove(t, feedTailScenarios(), soundTail, proofsOfTails())
}

func soundTail(s *memory.Store) FeedTailHarness {
	return FeedTailHarness{
		Tails: s, Store: s, Feed: s, Close: s.Close, Expire: s.Expire,
		Reopen: func(testing.TB) FeedTailHarness { return soundTail(s.Reopen()) },
	}
}

// brokenTails replaces OpenTail.
type brokenTails func(ctx context.Context, after ports.Place) (ports.Tail, error)

func (b brokenTails) OpenTail(ctx context.Context, after ports.Place) (ports.Tail, error) {
	return b(ctx, after)
}

// brokenTail replaces the functions that are set.
type brokenTail struct {
	ports.Tail
	next  func(ctx context.Context) (ports.TailPage, error)
	close func() error
}

func (b *brokenTail) Next(ctx context.Context) (ports.TailPage, error) {
	if b.next == nil {
		return b.Tail.Next(ctx)
	}
	return b.next(ctx)
}

func (b *brokenTail) Close() error {
	if b.close == nil {
		return b.Tail.Close()
	}
	return b.close()
}

// opens breaks how tails are opened.
func opens(
	broken func(ctx context.Context, s *memory.Store, after ports.Place) (ports.Tail, error),
) func(*memory.Store) FeedTailHarness {
	return func(s *memory.Store) FeedTailHarness {
		h := soundTail(s)
		h.Tails = brokenTails(func(ctx context.Context, after ports.Place) (ports.Tail, error) { return broken(ctx, s, after) })
		return h
	}
}

// tailNexts breaks what tails deliver. next is the sound function.
func tailNexts(broken func(next tailNext) tailNext) func(*memory.Store) FeedTailHarness {
	return opens(func(ctx context.Context, s *memory.Store, after ports.Place) (ports.Tail, error) {
		tail, err := s.OpenTail(ctx, after)
		if err != nil {
			return nil, err
		}
		return &brokenTail{Tail: tail, next: broken(tail.Next)}, nil
	})
}

type tailNext func(ctx context.Context) (ports.TailPage, error)

// pagesChanged changes each page.
func pagesChanged(change func(*ports.TailPage)) func(*memory.Store) FeedTailHarness {
	return tailNexts(func(next tailNext) tailNext {
		return func(ctx context.Context) (ports.TailPage, error) {
			page, err := next(ctx)
			if err == nil {
				change(&page)
			}
			return page, err
		}
	})
}

func proofsOfTails() []proof[FeedTailHarness] {
	const (
		earliest = "a tail from the earliest place gets everything, and then what follows"
		live     = "live comes once, after all that was there before"
		bad      = "a malformed place is refused"
	)
	return []proof[FeedTailHarness]{
		{
			broken: "starts at the beginning", scenario: "a tail from now gets only later records", says: "which must not come",
			adapter: opens(func(ctx context.Context, s *memory.Store, after ports.Place) (ports.Tail, error) {
				if after == ports.PlaceNow {
					after = ports.PlaceEarliest
				}
				return s.OpenTail(ctx, after)
			}),
		},
		{broken: "loses the first record of a page", scenario: earliest, says: "before its predecessor", adapter: pagesChanged(func(p *ports.TailPage) {
			if len(p.Records) > 0 {
				p.Records = p.Records[1:]
			}
		})},
		{broken: "gives out no places", scenario: earliest, says: "cannot be a place", adapter: pagesChanged(func(p *ports.TailPage) { p.Place = "" })},
		{
			broken: "repeats the record at a place", scenario: "a tail continues after each place without a gap", says: "which must not come",
			adapter: pagesChanged(func(p *ports.TailPage) {
				for i := len(p.Records) - 1; i > 0; i-- {
					p.Records[i].Place = p.Records[i-1].Place
				}
			}),
		},
		{
			broken: "forgets its places", scenario: "places are true after a restart", says: "open a tail",
			adapter: func(s *memory.Store) FeedTailHarness {
				h := soundTail(s)
				h.Reopen = func(testing.TB) FeedTailHarness {
					return opens(func(context.Context, *memory.Store, ports.Place) (ports.Tail, error) {
						return nil, ports.ErrBadCursor
					})(s.Reopen())
				}
				return h
			},
		},
		{broken: "is live at once", scenario: live, says: "is live before", adapter: tailNexts(func(next tailNext) tailNext {
			first := true
			return func(ctx context.Context) (ports.TailPage, error) {
				if first {
					first = false
					return ports.TailPage{Live: true, Place: "0"}, nil
				}
				page, err := next(ctx)
				page.Live = false
				return page, err
			}
		})},
		{broken: "is live twice", scenario: live, says: "told twice that it is live", adapter: pagesChanged(func(p *ports.TailPage) { p.Live = true })},
		{broken: "is never live", scenario: live, says: "a page of a tail", hangs: true, adapter: tailNexts(func(next tailNext) tailNext {
			return func(ctx context.Context) (ports.TailPage, error) {
				for {
					page, err := next(ctx)
					page.Live = false
					if len(page.Records) > 0 || err != nil {
						return page, err
					}
				}
			}
		})},
		{
			broken: "loses metadata", scenario: "a tail gets every field of a record", says: "Metadata",
			adapter: pagesChanged(func(p *ports.TailPage) {
				for i := range p.Records {
					p.Records[i].Record.Metadata = nil
				}
			}),
		},
		{
			broken: "turns pages around", scenario: "a tail sees every record of concurrent writers, in order", says: "before its predecessor",
			adapter: pagesChanged(func(p *ports.TailPage) {
				for i, j := 0, len(p.Records)-1; i < j; i, j = i+1, j-1 {
					p.Records[i], p.Records[j] = p.Records[j], p.Records[i]
				}
			}),
		},
		{
			broken: "drops what does not fit into a buffer", scenario: "a slow tail holds nobody up and misses nothing", says: "before its predecessor",
			adapter: pagesChanged(func(p *ports.TailPage) { p.Records = p.Records[max(0, len(p.Records)-20):] }),
		},
		{broken: "reads everything at once", scenario: "pages are bounded", says: "a page has", adapter: tailNexts(func(next tailNext) tailNext {
			return func(ctx context.Context) (ports.TailPage, error) {
				var all ports.TailPage
				for {
					page, err := next(ctx)
					if err != nil {
						return all, err
					}
					all.Records, all.Place = append(all.Records, page.Records...), page.Place
					if page.Live {
						all.Live = true
						return all, nil
					}
				}
			}
		})},
		{
			broken: "takes any place for the beginning", scenario: bad, says: "error <nil>",
			adapter: opens(func(ctx context.Context, s *memory.Store, after ports.Place) (ports.Tail, error) {
				tail, err := s.OpenTail(ctx, after)
				if errors.Is(err, ports.ErrBadCursor) {
					return s.OpenTail(ctx, ports.PlaceEarliest)
				}
				return tail, err
			}),
		},
		{
			broken: "is a consumer", scenario: "tails are no consumers", says: `subscribe "tail" after tails were opened`,
			adapter: opens(func(ctx context.Context, s *memory.Store, after ports.Place) (ports.Tail, error) {
				_ = s.SeekEnd(ctx, "tail")
				return s.OpenTail(ctx, after)
			}),
		},
		{
			broken: "hides what is lost", scenario: "an expired place says what is lost, and continues", says: "was not told what is lost",
			adapter: pagesChanged(func(p *ports.TailPage) {
				if p.Lost != nil && len(p.Records) == 0 {
					p.Live = true
				}
				p.Lost = nil
			}),
		},
		{
			broken: "hides what is lost", scenario: "an open tail that loses records says so", says: "was not told that records are lost",
			adapter: pagesChanged(func(p *ports.TailPage) { p.Lost = nil }),
		},
		{
			broken: "takes everything for lost", scenario: "a tail at the end loses nothing", says: "at the end was told",
			adapter: pagesChanged(func(p *ports.TailPage) {
				if len(p.Records) > 0 && !p.Live {
					p.Lost = &ports.TailGap{From: "0", To: p.Place}
				}
			}),
		},
		{
			broken: "reads on after its context has ended", scenario: "an ended context ends a blocked tail, which loses nothing",
			says: "a page of a tail", hangs: true,
			adapter: tailNexts(func(next tailNext) tailNext {
				return func(ctx context.Context) (ports.TailPage, error) {
					for {
						short, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Millisecond)
						page, err := next(short)
						cancel()
						if ctx.Err() != nil {
							return ports.TailPage{}, ctx.Err()
						}
						if !errors.Is(err, context.DeadlineExceeded) {
							return page, err
						}
					}
				}
			}),
		},
		{
			broken: "does not close", scenario: "closing a tail ends its blocked next", says: "a blocked Next of a tail to end", hangs: true,
			adapter: opens(func(ctx context.Context, s *memory.Store, after ports.Place) (ports.Tail, error) {
				tail, err := s.OpenTail(ctx, after)
				return &brokenTail{Tail: tail, close: func() error { return nil }}, err
			}),
		},
		{
			broken: "works on", scenario: "a closed store has no tails", says: "OpenTail after close",
			adapter: opens(func(ctx context.Context, s *memory.Store, after ports.Place) (ports.Tail, error) {
				tail, err := s.OpenTail(ctx, after)
				if errors.Is(err, ports.ErrClosed) {
					return &brokenTail{}, nil
				}
				return tail, err
			}),
		},
		{
			broken: "shares its memory", scenario: "memory is not shared between tails", says: "what a tail was given",
			adapter: func(s *memory.Store) FeedTailHarness {
				shared := map[place]eventsourcing.Record{}
				return pagesChanged(func(p *ports.TailPage) {
					for i, r := range p.Records {
						if _, known := shared[placeOf(r.Record)]; !known {
							shared[placeOf(r.Record)] = r.Record
						}
						p.Records[i].Record = shared[placeOf(r.Record)]
					}
				})(s)
			},
		},
	}
}
