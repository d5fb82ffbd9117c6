package porttest

import (
	"context"
	"slices"
	"testing"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

type brokenLister struct{ events, outbox pager[eventsourcing.Record] }

func (b brokenLister) ListEvents(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	records, next, err := b.events(ctx, after, limit)
	return ports.RecordPage{Records: records, Next: next}, err
}

func (b brokenLister) ListOutbox(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	records, next, err := b.outbox(ctx, after, limit)
	return ports.RecordPage{Records: records, Next: next}, err
}

func soundLister(s *memory.Store) RecordListerHarness {
	return RecordListerHarness{
		Lister: s, Store: s, Close: s.Close, Expire: s.Expire,
		Reopen: func(testing.TB) RecordListerHarness { return soundLister(s.Reopen()) },
	}
}

// lists breaks both listings.
func lists(broken func(list pager[eventsourcing.Record]) pager[eventsourcing.Record]) func(*memory.Store) RecordListerHarness {
	return func(s *memory.Store) RecordListerHarness {
		h := soundLister(s)
		events, outbox := h.events, h.outbox
		h.Lister = brokenLister{events: broken(events), outbox: broken(outbox)}
		return h
	}
}

// mislists gets the pages wrong.
func mislists(scenario, way, says string) proof[RecordListerHarness] {
	return proof[RecordListerHarness]{
		broken: way, scenario: scenario, says: says,
		adapter: lists(func(list pager[eventsourcing.Record]) pager[eventsourcing.Record] { return misreads(list, way) }),
	}
}

// relists lists everything at once, lets arrange change the list, and returns pages of it.
func relists(arrange func([]eventsourcing.Record) []eventsourcing.Record) func(*memory.Store) RecordListerHarness {
	return lists(func(list pager[eventsourcing.Record]) pager[eventsourcing.Record] {
		return func(ctx context.Context, after ports.Cursor, limit int) ([]eventsourcing.Record, ports.Cursor, error) {
			all, _, err := list(ctx, "", 1<<20)
			records, next := paged(arrange(all), after, limit)
			return records, next, err
		}
	})
}

func TestRecordLister_IsProved(t *testing.T) {
	t.Parallel()
	const (
		events = "events are listed once, each history in one piece"
		outbox = "the outbox is listed once, oldest first"
		expiry = "the outbox ends when the feed drops it, the events stay"
	)
	reversed := relists(func(all []eventsourcing.Record) []eventsourcing.Record {
		slices.Reverse(all)
		return all
	})
	prove(t, recordListerScenarios(), soundLister, append(proofsOfListingTypes(), []proof[RecordListerHarness]{
		{broken: "lists the newest first", scenario: events, says: "comes after event 0", adapter: reversed},
		{broken: "lists events as they were written", scenario: events, says: "does not come right after its predecessor", adapter: exchanges},
		{
			broken: "loses a payload", scenario: events, says: "Payload",
			adapter: relists(func(all []eventsourcing.Record) []eventsourcing.Record {
				all[2].Payload = nil
				return all
			}),
		},
		mislists(events, "returns one entry too many", "where the limit is"),
		mislists(events, "skips an entry at the end of a page", "listing:"),
		mislists(events, "repeats an entry at the end of a page", "a listing has no end"),
		mislists(events, "ends after the first page", "1 records, want 12"),
		{broken: "lists the newest first", scenario: outbox, says: "comes after event 0", adapter: reversed},
		mislists(outbox, "skips an entry at the end of a page", "listing:"),
		mislists(outbox, "ends after the first page", "1 records, want 12"),
		{broken: "lists what is gone", scenario: expiry, says: "after all of it expired", adapter: exchanges},
		{
			broken: "loses the events with the outbox", scenario: expiry, says: "listing:",
			adapter: func(s *memory.Store) RecordListerHarness {
				h := soundLister(s)
				h.Lister = brokenLister{events: h.outbox, outbox: h.outbox}
				return h
			},
		},
		mislists("a bad cursor is refused", "takes a bad cursor for the beginning", "error <nil>, want bad cursor"),
		mislists("an ended context stops a call before it does anything", "lists although the context has ended", "with an ended context: error <nil>"),
		{
			broken: "can be used after close", scenario: "a closed store refuses", says: "ListEvents after close: error <nil>",
			adapter: func(s *memory.Store) RecordListerHarness {
				h := soundLister(s)
				h.Close = func() error { return nil }
				return h
			},
		},
		{
			broken: "forgets cursors", scenario: "cursors survive a restart", says: "bad cursor",
			adapter: func(s *memory.Store) RecordListerHarness {
				h := soundLister(s)
				h.Reopen = func(testing.TB) RecordListerHarness { return mislists("", "forgets cursors", "").adapter(s.Reopen()) }
				return h
			},
		},
	}...))
}

// exchanges exchanges the two listings.
func exchanges(s *memory.Store) RecordListerHarness {
	h := soundLister(s)
	h.Lister = brokenLister{events: h.outbox, outbox: h.events}
	return h
}
