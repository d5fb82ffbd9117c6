package porttest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"orderflow/ports"
)

func skipLogScenarios() []scenario[SkipLogHarness] {
	return []scenario[SkipLogHarness]{
		{"a consumer that skipped nothing has no skips", noSkips},
		{"every field of a skip comes back", everySkipField},
		{"the skips of one aggregate are listed alone", skipsOfOneAggregate},
		{"recording again replaces the skip", skippedAgain},
		{"a skip that is forgotten is gone, and no other", forgottenSkip},
		{"skips of consumers are separate", separateSkips},
		{"skips are listed once, those of an aggregate in sequence", skipPages},
		{"a bad cursor is refused", badSkipCursor},
		{"an ended context stops a call before it does anything", skipsCancelled},
		{"a closed store refuses", skipsClosed},
		{"everything is there after a restart", skipsReopened},
	}
}

// skipped returns a skip with every field set.
func skipped(consumer string, aggregateID uuid.UUID, sequence uint64) ports.Skip {
	return ports.Skip{
		Consumer:       consumer,
		AggregateID:    aggregateID,
		SequenceNumber: sequence,
		EventID:        newID(),
		EventType:      "porttest.happened",
		Reason:         "ticket 4711: \"日本\"",
		Error:          "line 1\nline 2",
		SkippedAt:      day.Add(time.Duration(sequence%1_000) * time.Millisecond),
	}
}

func (t test) recordSkips(log ports.SkipLog, skips ...ports.Skip) {
	t.Helper()
	for _, s := range skips {
		var err error
		t.within("RecordSkip", func(ctx context.Context) { err = log.RecordSkip(ctx, s) })
		t.must("record a skip", err)
	}
}

// skips lists the skips of a consumer, or of one of its aggregates.
func (h SkipLogHarness) skips(consumer string, aggregateID uuid.UUID) pager[ports.Skip] {
	return func(ctx context.Context, after ports.Cursor, limit int) ([]ports.Skip, ports.Cursor, error) {
		p, err := h.Log.Skips(ctx, ports.SkipQuery{Consumer: consumer, AggregateID: aggregateID, After: after, Limit: limit})
		return p.Skips, p.Next, err
	}
}

// expectSkips checks the skips of a consumer, or of one of its aggregates.
func (t test) expectSkips(h SkipLogHarness, consumer string, aggregateID uuid.UUID, want ...ports.Skip) {
	t.Helper()
	t.expectSkipped(walk(t, h.skips(consumer, aggregateID), "", 100), want)
}

// expectSkipped checks that each of want is listed once, and those of one aggregate in sequence.
func (t test) expectSkipped(got, want []ports.Skip) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("skips: %d entries, want %d", len(got), len(want))
	}
	last := map[uuid.UUID]uint64{}
	for _, s := range got {
		if s.SequenceNumber <= last[s.AggregateID] {
			t.Fatalf("skips: event %d of %s comes after event %d", s.SequenceNumber, s.AggregateID, last[s.AggregateID])
		}
		last[s.AggregateID] = s.SequenceNumber
	}
	byPlace := func(a, b ports.Skip) int {
		return cmp.Or(slices.Compare(a.AggregateID[:], b.AggregateID[:]), cmp.Compare(a.SequenceNumber, b.SequenceNumber))
	}
	got, want = slices.SortedFunc(slices.Values(got), byPlace), slices.SortedFunc(slices.Values(want), byPlace)
	if diff := firstDiffer(got, want); diff != "" {
		t.Fatalf("skips: %s", diff)
	}
	for _, s := range got {
		if s.SkippedAt.Location() != time.UTC {
			t.Fatalf("skips: the time %s is not in UTC", s.SkippedAt)
		}
	}
}

func noSkips(t test, h SkipLogHarness) {
	t.expectSkips(h, "a", uuid.Nil)
	other := skipped("b", newID(), 1)
	t.recordSkips(h.Log, other)
	t.expectSkips(h, "a", uuid.Nil)
	t.expectSkips(h, "a", other.AggregateID)
}

func everySkipField(t test, h SkipLogHarness) {
	large := skipped("a", uuid.Max, 1<<40)
	large.Error = string(largeJSON())
	bare := ports.Skip{Consumer: "a", AggregateID: newID(), SequenceNumber: 1, SkippedAt: day}
	skips := []ports.Skip{skipped("a", newID(), 1), skipped("a", newID(), 999), large, bare}
	t.recordSkips(h.Log, skips...)
	t.expectSkips(h, "a", uuid.Nil, skips...)
}

func skipsOfOneAggregate(t test, h SkipLogHarness) {
	id, other := newID(), newID()
	mine := []ports.Skip{skipped("a", id, 300), skipped("a", id, 2), skipped("a", id, 20), skipped("a", id, 1<<33)}
	theirs := []ports.Skip{skipped("a", other, 3), skipped("a", other, 21)}
	t.recordSkips(h.Log, slices.Concat(mine, theirs, []ports.Skip{skipped("b", id, 4)})...)
	for _, limit := range []int{1, 3, 100} {
		t.expectSkipped(walk(t, h.skips("a", id), "", limit), mine)
		t.expectSkipped(walk(t, h.skips("a", other), "", limit), theirs)
	}
	t.expectSkips(h, "a", newID())
}

func skippedAgain(t test, h SkipLogHarness) {
	other := skipped("a", newID(), 7)
	t.recordSkips(h.Log, other)
	s := skipped("a", newID(), 7)
	for _, reason := range []string{"first", "second", ""} {
		s.Reason, s.Error, s.EventID = reason, reason, newID()
		t.recordSkips(h.Log, s)
		t.expectSkips(h, "a", uuid.Nil, s, other)
	}
}

func forgottenSkip(t test, h SkipLogHarness) {
	id := newID()
	forget := func(consumer string, id uuid.UUID, sequence uint64) {
		t.Helper()
		var err error
		t.within("ForgetSkip", func(ctx context.Context) { err = h.Log.ForgetSkip(ctx, consumer, id, sequence) })
		t.must("forget a skip", err)
	}
	forget("a", id, 1) // there is none
	one, two, other, theirs := skipped("a", id, 1), skipped("a", id, 2), skipped("a", newID(), 1), skipped("b", id, 1)
	t.recordSkips(h.Log, one, two, other, theirs)
	forget("a", id, 1)
	forget("a", id, 3)
	t.expectSkips(h, "a", uuid.Nil, two, other)
	t.expectSkips(h, "a", id, two)
	t.expectSkips(h, "b", uuid.Nil, theirs)
	t.recordSkips(h.Log, one)
	t.expectSkips(h, "a", id, one, two)
}

func separateSkips(t test, h SkipLogHarness) {
	id := newID()
	skips := []ports.Skip{skipped("a", id, 1), skipped("a/b", id, 1), skipped("a\x00", id, 1)}
	t.recordSkips(h.Log, skips...)
	for _, s := range skips {
		t.expectSkips(h, s.Consumer, uuid.Nil, s)
		t.expectSkips(h, s.Consumer, id, s)
	}
}

// someSkips records skips of several aggregates, out of order.
func (t test) someSkips(h SkipLogHarness, consumer string) (skips []ports.Skip) {
	t.Helper()
	for i := range 5 {
		id := newID()
		if i%2 == 0 {
			id = uuid.New()
		}
		for _, sequence := range []uint64{256, 3, 70_000}[:1+i%3] {
			skips = append(skips, skipped(consumer, id, sequence))
		}
	}
	t.recordSkips(h.Log, skips...)
	return skips
}

func skipPages(t test, h SkipLogHarness) {
	skips := t.someSkips(h, "a")
	t.someSkips(h, "b")
	var first []ports.Skip
	for _, limit := range []int{1, 2, 3, len(skips), 1_000} {
		got := walk(t, h.skips("a", uuid.Nil), "", limit)
		t.expectSkipped(got, skips)
		if first == nil {
			first = got
		}
		if diff := firstDiffer(got, first); diff != "" {
			t.Fatalf("two listings have different orders: %s", diff)
		}
	}
}

func badSkipCursor(t test, h SkipLogHarness) {
	skips := t.someSkips(h, "a")
	t.someSkips(h, "b")
	_, ofA := page(t, h.skips("a", uuid.Nil), "", 2)
	one := skips[len(skips)-1].AggregateID
	t.recordSkips(h.Log, skipped("a", one, 1), skipped("a", one, 2))
	_, ofOne := page(t, h.skips("a", one), "", 1)
	list := func(consumer string, aggregateID uuid.UUID) func(context.Context, ports.Cursor) error {
		return func(ctx context.Context, cursor ports.Cursor) error {
			_, _, err := h.skips(consumer, aggregateID)(ctx, cursor, 2)
			return err
		}
	}
	t.refusesCursors(list("b", uuid.Nil), ofA, ofOne)
	t.refusesCursors(list("a", uuid.Nil), ofOne)
	t.refusesCursors(list("a", one), ofA)
}

func skipCalls(h SkipLogHarness) []call {
	return []call{
		{"RecordSkip", func(ctx context.Context) error { return h.Log.RecordSkip(ctx, skipped("a", newID(), 2)) }},
		{"Skips", func(ctx context.Context) error {
			_, err := h.Log.Skips(ctx, ports.SkipQuery{Consumer: "a", Limit: 1})
			return err
		}},
	}
}

func skipsCancelled(t test, h SkipLogHarness) {
	there := skipped("a", newID(), 1)
	t.recordSkips(h.Log, there)
	t.refusesCancelled(skipCalls(h)...)
	t.expectSkips(h, "a", uuid.Nil, there)
}

func skipsClosed(t test, h SkipLogHarness) {
	t.recordSkips(h.Log, skipped("a", newID(), 1))
	t.refusesClosed(h, skipCalls(h)...)
}

func skipsReopened(t test, h SkipLogHarness) {
	skips := t.someSkips(h, "a")
	got, next := page(t, h.skips("a", uuid.Nil), "", 4)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectSkipped(slices.Concat(got, walk(t, h.skips("a", uuid.Nil), next, 2)), skips)
	t.expectSkips(h, "a", uuid.Nil, skips...)
}
