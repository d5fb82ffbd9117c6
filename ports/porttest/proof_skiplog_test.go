package porttest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/ports"
)

// brokenSkips replaces the functions that are set.
type brokenSkips struct {
	*memory.Store
	forget func(ctx context.Context, consumer string, id uuid.UUID, sequence uint64) error
	record func(ctx context.Context, s ports.Skip) error
	list   func(q ports.SkipQuery) pager[ports.Skip]
}

func (b brokenSkips) RecordSkip(ctx context.Context, s ports.Skip) error {
	if b.record == nil {
		return b.Store.RecordSkip(ctx, s)
	}
	return b.record(ctx, s)
}

func (b brokenSkips) ForgetSkip(ctx context.Context, consumer string, id uuid.UUID, sequence uint64) error {
	if b.forget == nil {
		return b.Store.ForgetSkip(ctx, consumer, id, sequence)
	}
	return b.forget(ctx, consumer, id, sequence)
}

func (b brokenSkips) Skips(ctx context.Context, q ports.SkipQuery) (ports.SkipPage, error) {
	if b.list == nil {
		return b.Store.Skips(ctx, q)
	}
	skips, next, err := b.list(q)(ctx, q.After, q.Limit)
	return ports.SkipPage{Skips: skips, Next: next}, err
}

func soundSkips(s *memory.Store) SkipLogHarness {
	return SkipLogHarness{Log: s, Close: s.Close, Reopen: func(testing.TB) SkipLogHarness { return soundSkips(s.Reopen()) }}
}

func skipsAs(broken func(s *memory.Store) brokenSkips) func(*memory.Store) SkipLogHarness {
	return func(s *memory.Store) SkipLogHarness {
		h := soundSkips(s)
		log := broken(s)
		log.Store = s
		h.Log = log
		return h
	}
}

// records breaks RecordSkip.
func records(broken func(s *memory.Store, ctx context.Context, skip ports.Skip) error) func(*memory.Store) SkipLogHarness {
	return skipsAs(func(s *memory.Store) brokenSkips {
		return brokenSkips{record: func(ctx context.Context, skip ports.Skip) error { return broken(s, ctx, skip) }}
	})
}

// recordsOther stores another skip than the given one.
func recordsOther(spoil func(*ports.Skip)) func(*memory.Store) SkipLogHarness {
	return records(func(s *memory.Store, ctx context.Context, skip ports.Skip) error {
		spoil(&skip)
		return s.RecordSkip(ctx, skip)
	})
}

// listsSkips breaks the listing.
func listsSkips(broken func(s *memory.Store, q ports.SkipQuery) pager[ports.Skip]) func(*memory.Store) SkipLogHarness {
	return skipsAs(func(s *memory.Store) brokenSkips {
		return brokenSkips{list: func(q ports.SkipQuery) pager[ports.Skip] { return broken(s, q) }}
	})
}

func mislistsSkips(scenario, way, says string) proof[SkipLogHarness] {
	return proof[SkipLogHarness]{
		broken: way, scenario: scenario, says: says,
		adapter: listsSkips(func(s *memory.Store, q ports.SkipQuery) pager[ports.Skip] {
			return misreads(soundSkips(s).skips(q.Consumer, q.AggregateID), way)
		}),
	}
}

// relistsSkips lists everything at once, lets arrange change the list, and returns pages of it.
func relistsSkips(arrange func([]ports.Skip) []ports.Skip) func(*memory.Store) SkipLogHarness {
	return listsSkips(func(s *memory.Store, q ports.SkipQuery) pager[ports.Skip] {
		return func(ctx context.Context, after ports.Cursor, limit int) ([]ports.Skip, ports.Cursor, error) {
			all, _, err := soundSkips(s).skips(q.Consumer, q.AggregateID)(ctx, "", 1<<20)
			skips, next := paged(arrange(all), after, limit)
			return skips, next, err
		}
	})
}

func TestSkipLog_IsProved(t *testing.T) {
	t.Parallel()
	prove(t, skipLogScenarios(), soundSkips, slices.Concat(proofsOfSkips(), proofsOfSkipPages(), proofsOfSkipLifecycle()))
}

func proofsOfSkips() []proof[SkipLogHarness] {
	const (
		fields = "every field of a skip comes back"
		one    = "the skips of one aggregate are listed alone"
		again  = "recording again replaces the skip"

		forgotten = "a skip that is forgotten is gone, and no other"
	)
	proofs := []proof[SkipLogHarness]{
		{
			broken: "mixes consumers", scenario: "a consumer that skipped nothing has no skips", says: "1 entries, want 0",
			adapter: recordsOther(func(skip *ports.Skip) { skip.Consumer = "a" }),
		},
		{
			broken: "lists all aggregates", scenario: one, says: "entries, want 4",
			adapter: listsSkips(func(s *memory.Store, q ports.SkipQuery) pager[ports.Skip] {
				return soundSkips(s).skips(q.Consumer, uuid.Nil)
			}),
		},
		{
			broken: "compares sequence numbers as texts", scenario: one, says: "comes after event",
			adapter: relistsSkips(func(skips []ports.Skip) []ports.Skip {
				slices.SortFunc(skips, func(a, b ports.Skip) int {
					return cmp.Or(slices.Compare(a.AggregateID[:], b.AggregateID[:]), strings.Compare(fmt.Sprint(a.SequenceNumber), fmt.Sprint(b.SequenceNumber)))
				})
				return skips
			}),
		},
		{
			broken: "keeps the first skip", scenario: again, says: "skips: entry",
			adapter: records(func(s *memory.Store, ctx context.Context, skip ports.Skip) error {
				page, _ := s.Skips(ctx, ports.SkipQuery{Consumer: skip.Consumer, AggregateID: skip.AggregateID, Limit: 100})
				if len(page.Skips) > 0 {
					return nil
				}
				return s.RecordSkip(ctx, skip)
			}),
		},
		{
			broken: "forgets nothing", scenario: forgotten, says: "entries, want",
			adapter: skipsAs(func(*memory.Store) brokenSkips {
				return brokenSkips{forget: func(context.Context, string, uuid.UUID, uint64) error { return nil }}
			}),
		},
		{
			broken: "forgets all skips of the aggregate", scenario: forgotten, says: "entries, want",
			adapter: skipsAs(func(s *memory.Store) brokenSkips {
				return brokenSkips{forget: func(ctx context.Context, consumer string, id uuid.UUID, _ uint64) error {
					for n := range uint64(5) {
						if err := s.ForgetSkip(ctx, consumer, id, n); err != nil {
							return err
						}
					}
					return nil
				}}
			}),
		},
		{
			broken: "forgets the skips of every consumer", scenario: forgotten, says: "entries, want",
			adapter: skipsAs(func(s *memory.Store) brokenSkips {
				return brokenSkips{forget: func(ctx context.Context, _ string, id uuid.UUID, sequence uint64) error {
					return errors.Join(s.ForgetSkip(ctx, "a", id, sequence), s.ForgetSkip(ctx, "b", id, sequence))
				}}
			}),
		},
		{
			broken: "refuses to forget what is not there", scenario: forgotten, says: "forget a skip",
			adapter: skipsAs(func(s *memory.Store) brokenSkips {
				return brokenSkips{forget: func(ctx context.Context, consumer string, id uuid.UUID, sequence uint64) error {
					page, err := s.Skips(ctx, ports.SkipQuery{Consumer: consumer, AggregateID: id, Limit: 1})
					if len(page.Skips) == 0 {
						return ports.ErrNotFound
					}
					return errors.Join(err, s.ForgetSkip(ctx, consumer, id, sequence))
				}}
			}),
		},
		{
			broken: "cuts names at a slash", scenario: "skips of consumers are separate", says: "skips:",
			adapter: recordsOther(func(skip *ports.Skip) { skip.Consumer, _, _ = strings.Cut(skip.Consumer, "/") }),
		},
		{
			broken: "gives times in another zone", scenario: fields, says: "is not in UTC",
			adapter: recordsOther(func(skip *ports.Skip) { skip.SkippedAt = skip.SkippedAt.In(time.FixedZone("elsewhere", 3600)) }),
		},
	}
	for field, spoil := range map[string]func(*ports.Skip){
		"SequenceNumber": func(skip *ports.Skip) { skip.SequenceNumber = uint64(uint32(skip.SequenceNumber)) + 1 },
		"EventID":        func(skip *ports.Skip) { skip.EventID = uuid.Nil },
		"EventType":      func(skip *ports.Skip) { skip.EventType = "" },
		"Reason":         func(skip *ports.Skip) { skip.Reason = strings.ToValidUTF8(skip.Reason[:min(len(skip.Reason), 14)], "") },
		"Error":          func(skip *ports.Skip) { skip.Error = skip.Error[:min(len(skip.Error), 1_000)] },
		"SkippedAt":      func(skip *ports.Skip) { skip.SkippedAt = skip.SkippedAt.Truncate(time.Second) },
	} {
		proofs = append(proofs, proof[SkipLogHarness]{
			broken: "loses " + field, scenario: fields, says: field, adapter: recordsOther(spoil),
		})
	}
	return proofs
}

func proofsOfSkipPages() []proof[SkipLogHarness] {
	const pages = "skips are listed once, those of an aggregate in sequence"
	listings := 0
	return []proof[SkipLogHarness]{
		mislistsSkips(pages, "returns one entry too many", "where the limit is"),
		mislistsSkips(pages, "skips an entry at the end of a page", "skips:"),
		mislistsSkips(pages, "repeats an entry at the end of a page", "a listing has no end"),
		mislistsSkips(pages, "ends after the first page", "1 entries, want 9"),
		{
			broken: "lists the newest first", scenario: pages, says: "comes after event",
			adapter: relistsSkips(func(skips []ports.Skip) []ports.Skip {
				slices.Reverse(skips)
				return skips
			}),
		},
		{
			broken: "changes its order", scenario: pages, says: "two listings have different orders",
			adapter: relistsSkips(func(skips []ports.Skip) []ports.Skip {
				if listings++; listings <= 9 { // the first listing has one page for each entry
					return skips
				}
				slices.SortStableFunc(skips, func(a, b ports.Skip) int { return slices.Compare(b.AggregateID[:], a.AggregateID[:]) })
				return skips
			}),
		},
		mislistsSkips("a bad cursor is refused", "takes a bad cursor for the beginning", "error <nil>, want bad cursor"),
		{
			broken: "accepts the cursors of other listings", scenario: "a bad cursor is refused", says: "error <nil>, want bad cursor",
			adapter: listsSkips(func(s *memory.Store, q ports.SkipQuery) pager[ports.Skip] {
				return func(ctx context.Context, after ports.Cursor, limit int) ([]ports.Skip, ports.Cursor, error) {
					skips, next, err := soundSkips(s).skips(q.Consumer, q.AggregateID)(ctx, after, limit)
					if len(after) > 20 && errors.Is(err, ports.ErrBadCursor) {
						return nil, "", nil
					}
					return skips, next, err
				}
			}),
		},
		mislistsSkips("an ended context stops a call before it does anything", "lists although the context has ended", "Skips with an ended context: error <nil>"),
	}
}

func proofsOfSkipLifecycle() []proof[SkipLogHarness] {
	const (
		cancelled = "an ended context stops a call before it does anything"
		restart   = "everything is there after a restart"
	)
	return []proof[SkipLogHarness]{
		{
			broken: "records although the context has ended", scenario: cancelled, says: "RecordSkip with an ended context: error <nil>",
			adapter: records(func(s *memory.Store, ctx context.Context, skip ports.Skip) error {
				return s.RecordSkip(context.WithoutCancel(ctx), skip)
			}),
		},
		{
			broken: "records and then looks at the context", scenario: cancelled, says: "entries, want 1",
			adapter: records(func(s *memory.Store, ctx context.Context, skip ports.Skip) error {
				return errors.Join(s.RecordSkip(context.WithoutCancel(ctx), skip), ctx.Err())
			}),
		},
		{
			broken: "can be used after close", scenario: "a closed store refuses", says: "RecordSkip after close: error <nil>",
			adapter: func(s *memory.Store) SkipLogHarness {
				h := soundSkips(s)
				h.Close = func() error { return nil }
				return h
			},
		},
		{
			broken: "forgets everything", scenario: restart, says: "want 9",
			adapter: func(s *memory.Store) SkipLogHarness {
				h := soundSkips(s)
				h.Reopen = func(testing.TB) SkipLogHarness {
					return relistsSkips(func([]ports.Skip) []ports.Skip { return nil })(s.Reopen())
				}
				return h
			},
		},
		{
			broken: "forgets cursors", scenario: restart, says: "bad cursor",
			adapter: func(s *memory.Store) SkipLogHarness {
				h := soundSkips(s)
				h.Reopen = func(testing.TB) SkipLogHarness { return mislistsSkips("", "forgets cursors", "").adapter(s.Reopen()) }
				return h
			},
		},
	}
}
