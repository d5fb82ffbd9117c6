package porttest

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func recordListerScenarios() []scenario[RecordListerHarness] {
	return slices.Concat([]scenario[RecordListerHarness]{
		{"events are listed once, each history in one piece", listsEvents},
		{"the outbox is listed once, oldest first", listsOutbox},
		{"the outbox ends when the feed drops it, the events stay", listsAfterExpiry},
		{"a bad cursor is refused", badRecordCursor},
		{"an ended context stops a call before it does anything", recordListerCancelled},
		{"a closed store refuses", recordListerClosed},
		{"cursors survive a restart", recordCursorReopened},
	}, listingTypeScenarios())
}

func (h RecordListerHarness) events(
	ctx context.Context, after ports.Cursor, limit int,
) ([]eventsourcing.Record, ports.Cursor, error) {
	p, err := h.Lister.ListEvents(ctx, after, limit)
	return p.Records, p.Next, err
}

func (h RecordListerHarness) outbox(
	ctx context.Context, after ports.Cursor, limit int,
) ([]eventsourcing.Record, ports.Cursor, error) {
	p, err := h.Lister.ListOutbox(ctx, after, limit)
	return p.Records, p.Next, err
}

// twoRounds writes n aggregates in turns, and returns the records in the order of the appends.
func (t test) twoRounds(store ports.EventStore, n int) []eventsourcing.Record {
	t.Helper()
	ids := make([]uuid.UUID, n)
	var written []eventsourcing.Record
	for i := range ids {
		ids[i] = newID()
		written = append(written, t.append(store, command(ids[i], 0, 2))...)
	}
	for _, id := range ids {
		written = append(written, t.append(store, command(id, 2, 1))...)
	}
	return written
}

// expectListing checks that every record of want is listed once, and those of one aggregate in
// sequence. With inOnePiece they must also be adjacent.
func (t test) expectListing(got, want []eventsourcing.Record, inOnePiece bool) {
	t.Helper()
	byPlace := map[place]eventsourcing.Record{}
	for _, r := range want {
		byPlace[placeOf(r)] = r
	}
	last := map[uuid.UUID]uint64{}
	for i, r := range got {
		if diff := differ(r, byPlace[placeOf(r)]); diff != "" {
			t.Fatalf("listing: %s (-want +got):\n%s", placeOf(r), diff)
		}
		if r.SequenceNumber != last[r.AggregateID]+1 {
			t.Fatalf("listing: %s comes after event %d", placeOf(r), last[r.AggregateID])
		}
		if inOnePiece && r.SequenceNumber > 1 && got[i-1].AggregateID != r.AggregateID {
			t.Fatalf("listing: %s does not come right after its predecessor", placeOf(r))
		}
		last[r.AggregateID] = r.SequenceNumber
	}
	if len(got) != len(want) {
		t.Fatalf("listing: %d records, want %d", len(got), len(want))
	}
}

func listsEvents(t test, h RecordListerHarness) {
	written := t.twoRounds(h.Store, 4)
	for _, limit := range []int{1, 2, 5, 12, 1_000} {
		t.expectListing(walk(t, h.events, "", limit), written, true)
	}
}

func listsOutbox(t test, h RecordListerHarness) {
	written := t.twoRounds(h.Store, 4)
	for _, limit := range []int{1, 2, 5, 12, 1_000} {
		t.expectListing(walk(t, h.outbox, "", limit), written, false)
	}
}

func listsAfterExpiry(t test, h RecordListerHarness) {
	if h.Expire == nil {
		t.Log("absent: this feed cannot be made to expire, so an outbox that was dropped is not tested")
		return
	}
	written := t.twoRounds(h.Store, 2)
	_, middle := page(t, h.outbox, "", 2)
	h.Expire()
	if got := walk(t, h.outbox, "", 10); len(got) != 0 {
		t.Fatalf("the outbox holds %s after all of it expired", placeOf(got[0]))
	}
	later := t.append(h.Store, command(newID(), 0, 2))
	t.expectListing(walk(t, h.outbox, "", 1), later, false)
	t.expectListing(walk(t, h.outbox, middle, 1), later, false)
	t.expectListing(walk(t, h.events, "", 4), slices.Concat(written, later), true)
}

func badRecordCursor(t test, h RecordListerHarness) {
	t.twoRounds(h.Store, 2)
	_, ofEvents := page(t, h.events, "", 2)
	_, ofOutbox := page(t, h.outbox, "", 2)
	list := func(list pager[eventsourcing.Record]) func(context.Context, ports.Cursor) error {
		return func(ctx context.Context, cursor ports.Cursor) error { _, _, err := list(ctx, cursor, 2); return err }
	}
	t.refusesCursors(list(h.events), ofOutbox)
	t.refusesCursors(list(h.outbox), ofEvents)
}

func recordListerCalls(h RecordListerHarness) []call {
	return []call{
		{"ListEvents", func(ctx context.Context) error { _, err := h.Lister.ListEvents(ctx, "", 1); return err }},
		{"ListOutbox", func(ctx context.Context) error { _, err := h.Lister.ListOutbox(ctx, "", 1); return err }},
	}
}

func recordListerCancelled(t test, h RecordListerHarness) {
	t.twoRounds(h.Store, 1)
	t.refusesCancelled(recordListerCalls(h)...)
}

func recordListerClosed(t test, h RecordListerHarness) {
	t.twoRounds(h.Store, 1)
	t.refusesClosed(h, recordListerCalls(h)...)
}

func recordCursorReopened(t test, h RecordListerHarness) {
	written := t.twoRounds(h.Store, 3)
	events, afterEvents := page(t, h.events, "", 4)
	outbox, afterOutbox := page(t, h.outbox, "", 4)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectListing(slices.Concat(events, walk(t, h.events, afterEvents, 4)), written, true)
	t.expectListing(slices.Concat(outbox, walk(t, h.outbox, afterOutbox, 4)), written, false)
	t.expectListing(walk(t, h.events, "", 100), written, true)
}
