package porttest

import (
	"strings"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// The scenarios in this file have aggregates of several types side by side in one store.

func eventStoreTypeScenarios() []scenario[EventStoreHarness] {
	return []scenario[EventStoreHarness]{
		{"records come back with their aggregate types", typesComeBack},
		{"a repeated command is answered with its aggregate type", typeOfRepeatedCommand},
		{"an append of a wrong aggregate type is refused", wrongTypeRefused},
		{"aggregate types are there after a restart", typesReopened},
	}
}

func headTypeScenarios() []scenario[HeadScannerHarness] {
	return []scenario[HeadScannerHarness]{
		{"heads are of their aggregate types", typesOfHeads},
		{"the aggregate types of heads are there after a restart", typesOfHeadsReopened},
	}
}

func listingTypeScenarios() []scenario[RecordListerHarness] {
	return []scenario[RecordListerHarness]{
		{"listings show aggregate types", typesOfListings},
		{"listings show aggregate types after a restart", typesOfListingsReopened},
	}
}

func feedTypeScenarios() []scenario[ChangeFeedHarness] {
	return []scenario[ChangeFeedHarness]{
		{"records are delivered with their aggregate types", typesDelivered},
		{"records are delivered with their aggregate types after a restart", typesDeliveredReopened},
	}
}

// everyType returns an ordinary name, another name that begins with it, the shortest name, and the
// longest.
func everyType() []string {
	return []string{"order", "order-line", "z", strings.Repeat("long_0-9", eventsourcing.MaxType/8), "stock-item"}
}

// ofType changes an append into one to an aggregate of a type.
func ofType(a ports.Append, name string) ports.Append {
	for i := range a.Records {
		a.Records[i].AggregateType = name
	}
	return a
}

// someOfEveryType writes in turns to aggregates of every type, two of each, and returns the records
// in the order of the appends.
func (t test) someOfEveryType(store ports.EventStore) []eventsourcing.Record {
	t.Helper()
	var all []eventsourcing.Record
	ids := make([]uuid.UUID, 2*len(everyType()))
	for round := range uint64(2) {
		for i := range ids {
			if round == 0 {
				ids[i] = newID()
			}
			all = append(all, t.append(store, ofType(command(ids[i], 2*round, 2), everyType()[i/2]))...)
		}
	}
	return all
}

// histories arranges records by their aggregates.
func histories(records []eventsourcing.Record) map[uuid.UUID][]eventsourcing.Record {
	byID := map[uuid.UUID][]eventsourcing.Record{}
	for _, r := range records {
		byID[r.AggregateID] = append(byID[r.AggregateID], r)
	}
	return byID
}

func typesComeBack(t test, h EventStoreHarness) {
	for id, history := range histories(t.someOfEveryType(h.Store)) {
		t.expectHistory(h.Store, id, history)
		t.expectRecords("load after 2", t.load(h.Store, id, 2), history[2:])
	}
}

func typeOfRepeatedCommand(t test, h EventStoreHarness) {
	first := ofType(command(newID(), 0, 2), "stock-item")
	t.append(h.Store, first)
	t.expectDuplicate(h.Store, ofType(again(first, 1), "stock-item"), first.Records)
}

func wrongTypeRefused(t test, h EventStoreHarness) {
	id := newID()
	history := t.append(h.Store, ofType(command(id, 0, 1), "stock-item"))
	for what, spoil := range map[string]func(*ports.Append){
		"records of two types": func(a *ports.Append) { a.Records[1].AggregateType = "order" },
		"no type":              func(a *ports.Append) { *a = ofType(*a, "") },
		"one record untyped":   func(a *ports.Append) { a.Records[1].AggregateType = "" },
		"a type in capitals":   func(a *ports.Append) { *a = ofType(*a, "Stock") },
		"a type with a NUL":    func(a *ports.Append) { *a = ofType(*a, "stock\x00item") },
		"a type of 65 bytes":   func(a *ports.Append) { *a = ofType(*a, strings.Repeat("t", eventsourcing.MaxType+1)) },
	} {
		for _, a := range []ports.Append{command(id, 1, 2), command(newID(), 0, 2)} {
			a = ofType(a, "stock-item")
			spoil(&a)
			if _, err := t.tryAppend(h.Store, a); err == nil {
				t.Errorf("append at %d with %s was accepted", a.Expected, what)
			}
			t.expectHistory(h.Store, a.AggregateID, history[:a.Expected])
		}
	}
}

func typesReopened(t test, h EventStoreHarness) {
	written := t.someOfEveryType(h.Store)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	for id, history := range histories(written) {
		t.expectHistory(h.Store, id, history)
	}
}

func typesOfHeads(t test, h HeadScannerHarness) {
	written := t.someOfEveryType(h.Store)
	for _, limit := range []int{1, 3, 1_000} {
		t.expectTypedHeads(h, written, limit)
	}
}

func typesOfHeadsReopened(t test, h HeadScannerHarness) {
	written := t.someOfEveryType(h.Store)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectTypedHeads(h, written, 3)
}

// expectTypedHeads checks that the head of each aggregate is listed once, with its type.
func (t test) expectTypedHeads(h HeadScannerHarness, written []eventsourcing.Record, limit int) {
	t.Helper()
	want := map[uuid.UUID]ports.Head{}
	for _, r := range written {
		want[r.AggregateID] = ports.Head{
			AggregateType: r.AggregateType, AggregateID: r.AggregateID, SequenceNumber: r.SequenceNumber,
		}
	}
	got := walk(t, h.heads, "", limit)
	for _, head := range got {
		if diff := differ(head, want[head.AggregateID]); diff != "" {
			t.Fatalf("head of %s (-want +got):\n%s", head.AggregateID, diff)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d heads, want %d", len(got), len(want))
	}
}

func typesOfListings(t test, h RecordListerHarness) {
	written := t.someOfEveryType(h.Store)
	for _, limit := range []int{1, 7, 1_000} {
		t.expectListing(walk(t, h.events, "", limit), written, true)
		t.expectListing(walk(t, h.outbox, "", limit), written, false)
	}
}

func typesOfListingsReopened(t test, h RecordListerHarness) {
	written := t.someOfEveryType(h.Store)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectListing(walk(t, h.events, "", 5), written, true)
	t.expectListing(walk(t, h.outbox, "", 5), written, false)
}

// typesDelivered has a consumer that reads while records of all types are written, and one that
// resumes among them.
func typesDelivered(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "early", "late")
	early := t.subscribe(h, "early")
	first := t.someOfEveryType(h.Store)
	early.expect(first)

	late := t.subscribe(h, "late")
	late.expect(first)
	late.commitAll()
	late.close()
	second := t.someOfEveryType(h.Store)
	late = t.subscribe(h, "late")
	late.expect(second)
	early.expect(second)
}

func typesDeliveredReopened(t test, h ChangeFeedHarness) {
	t.seekEnd(h, "a")
	written := t.someOfEveryType(h.Store)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.subscribe(h, "a").expect(written)
}
