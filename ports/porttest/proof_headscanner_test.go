package porttest

import (
	"context"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// paged returns one page of all entries, with cursors that count them.
func paged[V any](all []V, after ports.Cursor, limit int) ([]V, ports.Cursor) {
	start, _ := strconv.Atoi(string(after))
	start = min(start, len(all))
	end := min(start+limit, len(all))
	if end == len(all) {
		return all[start:], ""
	}
	return all[start:end], ports.Cursor(strconv.Itoa(end))
}

// misreads returns a listing whose pages are wrong in one of several ways. way is the name of the
// error.
func misreads[V any](list pager[V], way string) pager[V] {
	return func(ctx context.Context, after ports.Cursor, limit int) ([]V, ports.Cursor, error) {
		switch way {
		case "returns one entry too many":
			return list(ctx, after, limit+1)
		case "skips an entry at the end of a page":
			entries, next, err := list(ctx, after, limit+1)
			return entries[:min(limit, len(entries))], next, err
		case "repeats an entry at the end of a page":
			entries, next, err := list(ctx, after, limit)
			if err == nil && next != "" && after != "" {
				next = after
			}
			return entries, next, err
		case "ends after the first page":
			entries, _, err := list(ctx, after, limit)
			return entries, "", err
		case "takes a bad cursor for the beginning":
			entries, next, err := list(ctx, after, limit)
			if err != nil {
				return list(ctx, "", limit)
			}
			return entries, next, nil
		case "forgets cursors":
			if after != "" {
				return nil, "", ports.ErrBadCursor
			}
		case "lists although the context has ended":
			return list(context.WithoutCancel(ctx), after, limit)
		}
		return list(ctx, after, limit)
	}
}

type brokenScanner func(ctx context.Context, after ports.Cursor, limit int) ([]ports.Head, ports.Cursor, error)

func (b brokenScanner) ScanHeads(ctx context.Context, after ports.Cursor, limit int) (ports.HeadPage, error) {
	heads, next, err := b(ctx, after, limit)
	return ports.HeadPage{Heads: heads, Next: next}, err
}

func soundScanner(s *memory.Store) HeadScannerHarness {
	return HeadScannerHarness{
		Scanner: s, Store: s, Close: s.Close,
		Reopen: func(testing.TB) HeadScannerHarness { return soundScanner(s.Reopen()) },
	}
}

// scans breaks ScanHeads.
func scans(broken func(list pager[ports.Head]) pager[ports.Head]) func(*memory.Store) HeadScannerHarness {
	return func(s *memory.Store) HeadScannerHarness {
		h := soundScanner(s)
		list := h.heads
		h.Scanner = brokenScanner(broken(list))
		return h
	}
}

// misscans gets the pages wrong.
func misscans(scenario, way, says string) proof[HeadScannerHarness] {
	return proof[HeadScannerHarness]{
		broken: way, scenario: scenario, says: says,
		adapter: scans(func(list pager[ports.Head]) pager[ports.Head] { return misreads(list, way) }),
	}
}

// rescans lists all heads at once, lets arrange change the list, and returns pages of it.
func rescans(arrange func(heads []ports.Head) []ports.Head) func(*memory.Store) HeadScannerHarness {
	return scans(func(list pager[ports.Head]) pager[ports.Head] {
		return func(ctx context.Context, after ports.Cursor, limit int) ([]ports.Head, ports.Cursor, error) {
			all, _, err := list(ctx, "", 1<<20)
			heads, next := paged(arrange(all), after, limit)
			return heads, next, err
		}
	})
}

func TestHeadScanner_IsProved(t *testing.T) {
	t.Parallel()
	const (
		every   = "every aggregate appears once, with its head"
		writing = "aggregates that are written meanwhile do not hide others"
	)
	var scans atomic.Int64
	prove(t, headScannerScenarios(), soundScanner, append(proofsOfHeadTypes(), []proof[HeadScannerHarness]{
		{
			broken: "finds what is not there", scenario: "an empty store has no heads", says: "the scan of an empty store found",
			adapter: rescans(func(heads []ports.Head) []ports.Head { return append(heads, ports.Head{}) }),
		},
		{
			broken: "loses an aggregate", scenario: every, says: "found 12 aggregates, want 13",
			adapter: rescans(func(heads []ports.Head) []ports.Head { return heads[1:] }),
		},
		{
			broken: "finds the first event instead of the last", scenario: every, says: "at 1, want 2",
			adapter: rescans(func(heads []ports.Head) []ports.Head {
				for i := range heads {
					heads[i].SequenceNumber = 1
				}
				return heads
			}),
		},
		{
			broken: "finds an aggregate an event", scenario: every, says: "twice",
			adapter: rescans(func(heads []ports.Head) []ports.Head {
				var events []ports.Head
				for _, head := range heads {
					for range head.SequenceNumber {
						events = append(events, head)
					}
				}
				return events
			}),
		},
		{
			broken: "changes its order", scenario: every, says: "two scans have different orders",
			adapter: rescans(func(heads []ports.Head) []ports.Head {
				if scans.Add(1) > 13 { // the first scan has one page for each aggregate
					slices.Reverse(heads)
				}
				return heads
			}),
		},
		misscans(every, "returns one entry too many", "where the limit is"),
		misscans(every, "skips an entry at the end of a page", "aggregates, want 13"),
		misscans(every, "repeats an entry at the end of a page", "a listing has no end"),
		misscans(every, "ends after the first page", "found 1 aggregates, want 13"),
		misscans("a cursor goes on where its page ended", "skips an entry at the end of a page", "aggregates, want 10"),
		{
			broken: "uses up its cursors", scenario: "a cursor goes on where its page ended", says: "bad cursor",
			adapter: scansOnce,
		},
		{broken: "lists what was written last first", scenario: writing, says: "found 0", adapter: lastWrittenFirst(false)},
		{broken: "lists what was written last at the end", scenario: writing, says: "times, want once", adapter: lastWrittenFirst(true)},
		misscans("a bad cursor is refused", "takes a bad cursor for the beginning", "error <nil>, want bad cursor"),
		misscans("an ended context stops a call before it does anything", "lists although the context has ended", "ScanHeads with an ended context: error <nil>"),
		{
			broken: "can be used after close", scenario: "a closed store refuses", says: "ScanHeads after close: error <nil>",
			adapter: func(s *memory.Store) HeadScannerHarness {
				h := soundScanner(s)
				h.Close = func() error { return nil }
				return h
			},
		},
		{
			broken: "forgets cursors", scenario: "a cursor survives a restart", says: "bad cursor",
			adapter: func(s *memory.Store) HeadScannerHarness {
				h := soundScanner(s)
				h.Reopen = func(testing.TB) HeadScannerHarness { return misscans("", "forgets cursors", "").adapter(s.Reopen()) }
				return h
			},
		},
	}...))
}

// scansOnce accepts each cursor once.
func scansOnce(s *memory.Store) HeadScannerHarness {
	used := map[ports.Cursor]bool{}
	return scans(func(list pager[ports.Head]) pager[ports.Head] {
		return func(ctx context.Context, after ports.Cursor, limit int) ([]ports.Head, ports.Cursor, error) {
			if used[after] {
				return nil, "", ports.ErrBadCursor
			}
			used[after] = true
			return list(ctx, after, limit)
		}
	})(s)
}

// lastWrittenFirst lists aggregates in the order of their last writes, and counts them in its
// cursors.
func lastWrittenFirst(reverse bool) func(*memory.Store) HeadScannerHarness {
	return func(s *memory.Store) HeadScannerHarness {
		return scans(func(list pager[ports.Head]) pager[ports.Head] {
			return func(ctx context.Context, after ports.Cursor, limit int) ([]ports.Head, ports.Cursor, error) {
				all, _, err := list(ctx, "", 1<<20)
				outbox, _ := s.ListOutbox(ctx, "", 1<<20)
				slices.SortFunc(all, func(a, b ports.Head) int {
					return lastOf(outbox.Records, a) - lastOf(outbox.Records, b)
				})
				if !reverse {
					slices.Reverse(all)
				}
				if len(all) > 20 && !reverse {
					// like a listing that stops at the number of aggregates at its start
					all = all[:20]
				}
				heads, next := paged(all, after, limit)
				return heads, next, err
			}
		})(s)
	}
}

func lastOf(records []eventsourcing.Record, head ports.Head) int {
	for i, r := range slices.Backward(records) {
		if r.AggregateID == head.AggregateID {
			return i
		}
	}
	return -1
}
