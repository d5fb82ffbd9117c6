package porttest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"orderflow/ports"
)

func parkingLotScenarios() []scenario[ParkingLotHarness] {
	return []scenario[ParkingLotHarness]{
		{"a consumer without parked aggregates has none", noneParked},
		{"every field of a parked aggregate comes back", everyParkedField},
		{"parking again replaces the entry", parkedAgain},
		{"an aggregate that was taken out is not listed", unparked},
		{"an aggregate can be parked as soon as it was taken out", parkedAfterUnpark},
		{"parked aggregates of consumers are separate", separateParking},
		{"parked aggregates are listed once, in an order that stays", parkedPages},
		{"aggregates that come and go meanwhile do not hide others", parkedMeanwhile},
		{"aggregates are parked at the same time", parkedAtTheSameTime},
		{"a bad cursor is refused", badParkedCursor},
		{"an ended context stops a call before it does anything", parkingCancelled},
		{"a closed store refuses", parkingClosed},
		{"everything is there after a restart", parkingReopened},
	}
}

// parkedAggregate returns an entry with every field set, to values that depend on n.
func parkedAggregate(consumer string, aggregateID uuid.UUID, n int) ports.ParkedAggregate {
	return ports.ParkedAggregate{
		Consumer:       consumer,
		AggregateID:    aggregateID,
		AggregateType:  "stock-item",
		SequenceNumber: uint64(n) + 1,
		EventID:        newID(),
		EventType:      "porttest.happened",
		Kind: []ports.FailureKind{
			ports.FailureUndecodable, ports.FailureStore, ports.FailureRefused, ports.FailureBug,
		}[n%4],
		Error:     "line 1: \"日本\"\nline 2",
		Attempts:  n + 5,
		FailedAt:  day.Add(time.Duration(n) * time.Second),
		ParkedAt:  day.Add(time.Duration(n)*time.Second + time.Millisecond),
		RetriedAt: day.Add(time.Duration(n+1) * time.Hour),
	}
}

func (t test) park(lot ports.ParkingLot, aggregates ...ports.ParkedAggregate) {
	t.Helper()
	for _, parked := range aggregates {
		var err error
		t.within("Park", func(ctx context.Context) { err = lot.Park(ctx, parked) })
		t.must("park", err)
	}
}

func (t test) unpark(lot ports.ParkingLot, consumer string, aggregateID uuid.UUID) {
	t.Helper()
	var err error
	t.within("Unpark", func(ctx context.Context) { err = lot.Unpark(ctx, consumer, aggregateID) })
	t.must("unpark", err)
}

// parked lists the entries of a consumer.
func (h ParkingLotHarness) parked(consumer string) pager[ports.ParkedAggregate] {
	return func(ctx context.Context, after ports.Cursor, limit int) ([]ports.ParkedAggregate, ports.Cursor, error) {
		p, err := h.Lot.Parked(ctx, consumer, after, limit)
		return p.Aggregates, p.Next, err
	}
}

// expectParked checks the entries of a consumer, in any order.
func (t test) expectParked(h ParkingLotHarness, consumer string, want ...ports.ParkedAggregate) {
	t.Helper()
	t.expectEntries(walk(t, h.parked(consumer), "", 100), want)
}

func (t test) expectEntries(got, want []ports.ParkedAggregate) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("parked aggregates: %d entries, want %d", len(got), len(want))
	}
	byID := func(a, b ports.ParkedAggregate) int { return slices.Compare(a.AggregateID[:], b.AggregateID[:]) }
	got, want = slices.SortedFunc(slices.Values(got), byID), slices.SortedFunc(slices.Values(want), byID)
	if diff := firstDiffer(got, want); diff != "" {
		t.Fatalf("parked aggregates: %s", diff)
	}
	for _, p := range got {
		for _, at := range []time.Time{p.FailedAt, p.ParkedAt, p.RetriedAt} {
			if at.Location() != time.UTC {
				t.Fatalf("parked aggregates: a time of %s is not in UTC: %s", p.AggregateID, at)
			}
		}
	}
}

func noneParked(t test, h ParkingLotHarness) {
	t.expectParked(h, "a")
	t.park(h.Lot, parkedAggregate("b", newID(), 0))
	t.expectParked(h, "a")
}

func everyParkedField(t test, h ParkingLotHarness) {
	var aggregates []ports.ParkedAggregate
	for n := range 4 { // each with another kind of failure
		aggregates = append(aggregates, parkedAggregate("a", newID(), n))
	}
	first := parkedAggregate("a", newID(), 5)
	first.RetriedAt = time.Time{}
	large := parkedAggregate("a", uuid.Max, 6)
	large.SequenceNumber, large.Attempts, large.Error = 1<<40, 1<<30, strings.Repeat("long ", 10_000)
	bare := ports.ParkedAggregate{Consumer: "a", AggregateID: newID(), SequenceNumber: 1, FailedAt: day, ParkedAt: day}
	aggregates = append(aggregates, first, large, bare)
	t.park(h.Lot, aggregates...)
	t.expectParked(h, "a", aggregates...)
}

func parkedAgain(t test, h ParkingLotHarness) {
	id, other := newID(), parkedAggregate("a", newID(), 9)
	t.park(h.Lot, other)
	for n := range 8 {
		parked := parkedAggregate("a", id, n)
		switch n % 3 {
		case 1: // a retry failed
			parked.SequenceNumber = 1
		case 2: // a retry reached another event, which failed
			parked.RetriedAt, parked.Error, parked.EventType, parked.Attempts = time.Time{}, "", "", 1
		}
		t.park(h.Lot, parked)
		t.expectParked(h, "a", parked, other)
	}
}

func unparked(t test, h ParkingLotHarness) {
	a, b := parkedAggregate("a", newID(), 1), parkedAggregate("a", newID(), 2)
	t.unpark(h.Lot, "a", newID())
	t.park(h.Lot, a, b)
	t.unpark(h.Lot, "a", newID())
	t.expectParked(h, "a", a, b)
	t.unpark(h.Lot, "a", a.AggregateID)
	t.expectParked(h, "a", b)
	t.unpark(h.Lot, "a", a.AggregateID)
	t.unpark(h.Lot, "a", b.AggregateID)
	t.expectParked(h, "a")
}

// parkedAfterUnpark does in quick succession what a retry does that reaches the next bad event.
func parkedAfterUnpark(t test, h ParkingLotHarness) {
	id := newID()
	for n := range 20 {
		parked := parkedAggregate("a", id, n)
		t.park(h.Lot, parked)
		t.unpark(h.Lot, "a", id)
		t.park(h.Lot, parked)
		t.expectParked(h, "a", parked)
		t.unpark(h.Lot, "a", id)
		t.expectParked(h, "a")
	}
}

func separateParking(t test, h ParkingLotHarness) {
	id := newID()
	a, b, c := parkedAggregate("a", id, 1), parkedAggregate("a/b", id, 2), parkedAggregate("a\x00", id, 3)
	t.park(h.Lot, a, b, c)
	for _, parked := range []ports.ParkedAggregate{a, b, c} {
		t.expectParked(h, parked.Consumer, parked)
	}
	t.unpark(h.Lot, "a", id)
	t.expectParked(h, "a")
	t.expectParked(h, "a/b", b)
	t.expectParked(h, "a\x00", c)
}

// somePark parks n aggregates of a consumer.
func (t test) somePark(h ParkingLotHarness, consumer string, n int) []ports.ParkedAggregate {
	t.Helper()
	var aggregates []ports.ParkedAggregate
	for i := range n {
		id := newID()
		if i%2 == 0 { // there are ids of other kinds
			id = uuid.New()
		}
		aggregates = append(aggregates, parkedAggregate(consumer, id, i))
	}
	t.park(h.Lot, aggregates...)
	return aggregates
}

func parkedPages(t test, h ParkingLotHarness) {
	aggregates := t.somePark(h, "a", 13)
	t.somePark(h, "b", 5)
	var first []ports.ParkedAggregate
	for _, limit := range []int{1, 2, 5, 13, 1_000} {
		got := walk(t, h.parked("a"), "", limit)
		t.expectEntries(got, aggregates)
		if first == nil {
			first = got
		}
		if diff := firstDiffer(got, first); diff != "" {
			t.Fatalf("two listings have different orders: %s", diff)
		}
	}
}

func parkedMeanwhile(t test, h ParkingLotHarness) {
	aggregates := t.somePark(h, "a", 12)
	got, next := page(t, h.parked("a"), "", 4)
	t.unpark(h.Lot, "a", got[len(got)-1].AggregateID) // the entry at the cursor
	again := got[0]
	again.Attempts++
	t.park(h.Lot, again)
	t.expectEntries(slices.Concat(got, walk(t, h.parked("a"), next, 3)), aggregates)
}

func parkedAtTheSameTime(t test, h ParkingLotHarness) {
	aggregates := make([]ports.ParkedAggregate, t.Writers)
	for i := range aggregates {
		aggregates[i] = parkedAggregate("a", newID(), i)
	}
	t.together(t.Writers, "parking", func(ctx context.Context, i int) error { return h.Lot.Park(ctx, aggregates[i]) })
	t.expectParked(h, "a", aggregates...)
}

func badParkedCursor(t test, h ParkingLotHarness) {
	t.somePark(h, "a", 3)
	t.somePark(h, "b", 3)
	_, ofA := page(t, h.parked("a"), "", 2)
	t.refusesCursors(func(ctx context.Context, cursor ports.Cursor) error {
		_, err := h.Lot.Parked(ctx, "b", cursor, 2)
		return err
	}, ofA)
}

func parkingCalls(h ParkingLotHarness, there, other ports.ParkedAggregate) []call {
	return []call{
		{"Park", func(ctx context.Context) error { return h.Lot.Park(ctx, other) }},
		{"Unpark", func(ctx context.Context) error { return h.Lot.Unpark(ctx, there.Consumer, there.AggregateID) }},
		{"Parked", func(ctx context.Context) error { _, err := h.Lot.Parked(ctx, there.Consumer, "", 1); return err }},
	}
}

func parkingCancelled(t test, h ParkingLotHarness) {
	there, other := parkedAggregate("a", newID(), 1), parkedAggregate("a", newID(), 2)
	t.park(h.Lot, there)
	t.refusesCancelled(parkingCalls(h, there, other)...)
	t.expectParked(h, "a", there)
}

func parkingClosed(t test, h ParkingLotHarness) {
	there, other := parkedAggregate("a", newID(), 1), parkedAggregate("a", newID(), 2)
	t.park(h.Lot, there)
	t.refusesClosed(h, parkingCalls(h, there, other)...)
}

func parkingReopened(t test, h ParkingLotHarness) {
	aggregates := t.somePark(h, "a", 6)
	t.unpark(h.Lot, "a", aggregates[0].AggregateID)
	aggregates = aggregates[1:]
	got, next := page(t, h.parked("a"), "", 2)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectEntries(slices.Concat(got, walk(t, h.parked("a"), next, 2)), aggregates)
	t.expectParked(h, "a", aggregates...)
}
