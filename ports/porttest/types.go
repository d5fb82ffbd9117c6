package porttest

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// AggregateTypesHarness gives the AggregateTypes suite an adapter to test.
type AggregateTypesHarness struct {
	Store ports.EventStore
	// Scanner, Lister and Feed show what Store holds. They are nil when the adapter does not have
	// them.
	Scanner ports.HeadScanner
	Lister  ports.RecordLister
	Feed    ports.ChangeFeed
	// Close and Reopen are as in [EventStoreHarness], Repeats as in [ChangeFeedHarness].
	Close   func() error
	Reopen  func(t testing.TB) AggregateTypesHarness
	Repeats bool
	Tuning
}

func (h AggregateTypesHarness) close() error { return h.Close() }

// AggregateTypes tests that aggregates of several types can be in one store. It covers what the
// contracts of [ports.EventStore], [ports.HeadScanner], [ports.RecordLister] and [ports.ChangeFeed]
// say about the aggregate type. Each test calls factory for an adapter with its own data.
func AggregateTypes(t *testing.T, factory func(t *testing.T) AggregateTypesHarness) {
	runSuite(t, factory, aggregateTypeScenarios())
}

func aggregateTypeScenarios() []scenario[AggregateTypesHarness] {
	return []scenario[AggregateTypesHarness]{
		{"records come back with their aggregate types", typesComeBack},
		{"a repeated command is answered with its aggregate type", typeOfRepeatedCommand},
		{"an append of a wrong aggregate type is refused", wrongTypeRefused},
		{"heads are of their aggregate types", typesOfHeads},
		{"listings show aggregate types", typesOfListings},
		{"records are delivered with their aggregate types", typesDelivered},
		{"aggregate types are there after a restart", typesReopened},
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

func typesComeBack(t test, h AggregateTypesHarness) {
	for id, history := range histories(t.someOfEveryType(h.Store)) {
		t.expectHistory(h.Store, id, history)
		t.expectRecords("load after 2", t.load(h.Store, id, 2), history[2:])
	}
}

func typeOfRepeatedCommand(t test, h AggregateTypesHarness) {
	first := ofType(command(newID(), 0, 2), "stock-item")
	t.append(h.Store, first)
	t.expectDuplicate(h.Store, ofType(again(first, 1), "stock-item"), first.Records)
}

func wrongTypeRefused(t test, h AggregateTypesHarness) {
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

func typesOfHeads(t test, h AggregateTypesHarness) {
	if h.Scanner == nil {
		t.Log("absent: this adapter lists no heads")
		return
	}
	written := t.someOfEveryType(h.Store)
	for _, limit := range []int{1, 3, 1_000} {
		t.expectTypedHeads(h, written, limit)
	}
}

// expectTypedHeads checks that the head of each aggregate is listed once, with its type.
func (t test) expectTypedHeads(h AggregateTypesHarness, written []eventsourcing.Record, limit int) {
	t.Helper()
	list := HeadScannerHarness{Scanner: h.Scanner}.heads
	want := map[uuid.UUID]ports.Head{}
	for _, r := range written {
		want[r.AggregateID] = ports.Head{AggregateType: r.AggregateType, AggregateID: r.AggregateID, SequenceNumber: r.SequenceNumber}
	}
	got := walk(t, list, "", limit)
	for _, head := range got {
		if diff := differ(head, want[head.AggregateID]); diff != "" {
			t.Fatalf("head of %s (-want +got):\n%s", head.AggregateID, diff)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d heads, want %d", len(got), len(want))
	}
}

func typesOfListings(t test, h AggregateTypesHarness) {
	if h.Lister == nil {
		t.Log("absent: this adapter lists no records")
		return
	}
	listings := RecordListerHarness{Lister: h.Lister}
	written := t.someOfEveryType(h.Store)
	for _, limit := range []int{1, 7, 1_000} {
		t.expectListing(walk(t, listings.events, "", limit), written, true)
		t.expectListing(walk(t, listings.outbox, "", limit), written, false)
	}
}

// typesDelivered has a consumer that reads while records of all types are written, and one that
// resumes among them.
func typesDelivered(t test, h AggregateTypesHarness) {
	if h.Feed == nil {
		t.Log("absent: this adapter has no feed")
		return
	}
	feed := ChangeFeedHarness{Feed: h.Feed, Store: h.Store, Repeats: h.Repeats}
	t.seekEnd(feed, "early", "late")
	early := t.subscribe(feed, "early")
	first := t.someOfEveryType(h.Store)
	early.expect(first)

	late := t.subscribe(feed, "late")
	late.expect(first)
	late.commitAll()
	late.close()
	second := t.someOfEveryType(h.Store)
	late = t.subscribe(feed, "late")
	late.expect(second)
	early.expect(second)
}

func typesReopened(t test, h AggregateTypesHarness) {
	written := t.someOfEveryType(h.Store)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	for id, history := range histories(written) {
		t.expectHistory(h.Store, id, history)
	}
	if h.Scanner != nil {
		t.expectTypedHeads(h, written, 100)
	}
	if h.Lister != nil {
		t.expectListing(walk(t, RecordListerHarness{Lister: h.Lister}.events, "", 5), written, true)
	}
}
