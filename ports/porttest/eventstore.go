package porttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func eventStoreScenarios() []scenario[EventStoreHarness] {
	return slices.Concat([]scenario[EventStoreHarness]{
		{"every field of a record comes back", everyFieldComesBack},
		{"an unknown aggregate has no records", unknownAggregate},
		{"load returns what lies behind a sequence number", loadBehind},
		{"a long history comes back whole", longHistory},
		{"a large payload comes back", largePayload},
		{"an acknowledged append is seen at once", seenAtOnce},
		{"a stale append is refused with the heads", staleAppend},
		{"an append beyond the head is refused with the heads", appendBeyondHead},
		{"a malformed append is refused", malformedAppend},
		{"a repeated command gets its first answer", repeatedCommand},
		{"a command id counts within one aggregate", commandIDOfTwoAggregates},
		{"of many writers at one head exactly one wins", oneWinner},
		{"the events of a command appear together", eventsAppearTogether},
		{"a command repeated at the same time happens once", commandRepeatedAtOnce},
		{"writers that reload and retry leave no hole and no double", reloadAndRetry},
		{"aggregates do not disturb each other", aggregatesApart},
		{"an ended context stops a call before it does anything", eventStoreCancelled},
		{"memory is not shared with callers", eventStoreMemory},
		{"a closed store refuses", eventStoreClosed},
		{"closing under writers keeps what was acknowledged and no more", closedUnderWriters},
		{"everything is there after a restart", eventStoreReopened},
	}, eventStoreTypeScenarios())
}

// append appends, and checks that the answer holds what was sent.
func (t test) append(store ports.EventStore, a ports.Append) []eventsourcing.Record {
	t.Helper()
	got, err := t.tryAppend(store, a)
	t.must("append", err)
	if got.Duplicate {
		t.Fatalf("append of a new command to %s was taken for a duplicate", a.AggregateID)
	}
	t.expectRecords("answer to an append", got.Records, a.Records)
	return a.Records
}

func (t test) tryAppend(store ports.EventStore, a ports.Append) (got ports.Appended, err error) {
	t.Helper()
	t.within(fmt.Sprintf("append to %s at %d", a.AggregateID, a.Expected), func(ctx context.Context) {
		got, err = store.Append(ctx, a)
	})
	return got, err
}

func (t test) load(store ports.EventStore, aggregateID uuid.UUID, after uint64) (records []eventsourcing.Record) {
	t.Helper()
	var err error
	t.within(fmt.Sprintf("load %s after %d", aggregateID, after), func(ctx context.Context) {
		records, err = store.Load(ctx, aggregateID, after)
	})
	t.must("load", err)
	return records
}

// expectHistory checks that exactly these records are stored for an aggregate.
func (t test) expectHistory(store ports.EventStore, aggregateID uuid.UUID, want []eventsourcing.Record) {
	t.Helper()
	t.expectRecords("history", t.load(store, aggregateID, 0), want)
}

func everyFieldComesBack(t test, h EventStoreHarness) {
	a := command(newID(), 0, 5)
	a.Records[0].Metadata = map[string]string{"benutzer": "Zoë 🛒", "": "no key", "no value": ""}
	a.Records[0].Payload = []byte(`{"text":"日本語, \"quoted\", ` + "\u00ff\u2028" + `"}`)
	a.Records[1].Metadata = nil
	a.Records[1].CorrelationID, a.Records[1].CausationID = uuid.Nil, uuid.Nil
	a.Records[2].Metadata = map[string]string{}
	a.Records[2].EventType, a.Records[2].EventVersion = "porttest.étrange", 1_000
	a.Records[3].CreatedAt = time.Date(1969, 12, 31, 23, 59, 59, 999e6, time.UTC)
	// more than nanoseconds since 1970 can express
	a.Records[4].CreatedAt = time.Date(2262, 4, 12, 0, 0, 0, 1e6, time.UTC)
	a.Records[4].Payload = []byte(`null`)
	want := t.append(h.Store, a)
	t.expectHistory(h.Store, a.AggregateID, want)
}

func unknownAggregate(t test, h EventStoreHarness) {
	t.append(h.Store, command(newID(), 0, 1))
	t.expectHistory(h.Store, newID(), nil)
	if got := t.load(h.Store, newID(), 3); len(got) != 0 {
		t.Fatalf("load of an unknown aggregate after 3 returned %d records", len(got))
	}
}

func loadBehind(t test, h EventStoreHarness) {
	id := newID()
	history := t.append(h.Store, command(id, 0, 3))
	history = append(history, t.append(h.Store, command(id, 3, 2))...)
	for after := range history {
		t.expectRecords(fmt.Sprintf("load after %d", after), t.load(h.Store, id, uint64(after)), history[after:])
	}
	for _, after := range []uint64{5, 6, 1 << 40} {
		t.expectRecords(fmt.Sprintf("load after %d, with the head at 5", after), t.load(h.Store, id, after), nil)
	}
}

func longHistory(t test, h EventStoreHarness) {
	id := newID()
	var history []eventsourcing.Record
	for range 5 {
		history = append(history, t.append(h.Store, command(id, uint64(len(history)), 60))...)
	}
	t.expectHistory(h.Store, id, history)
}

func largePayload(t test, h EventStoreHarness) {
	a := command(newID(), 0, 2)
	a.Records[0].Payload = largeJSON()
	t.append(h.Store, a)
	t.expectHistory(h.Store, a.AggregateID, a.Records)
}

// seenAtOnce loads right after each append, several times, because a stale answer may be rare.
func seenAtOnce(t test, h EventStoreHarness) {
	id := newID()
	var history []eventsourcing.Record
	for head := range uint64(10) {
		history = append(history, t.append(h.Store, command(id, head, 1))...)
		t.expectHistory(h.Store, id, history)
	}
}

func staleAppend(t test, h EventStoreHarness) {
	id := newID()
	history := t.append(h.Store, command(id, 0, 3))
	for _, expected := range []uint64{0, 1, 2} {
		t.expectConflict(h.Store, command(id, expected, 2), 3)
	}
	t.expectHistory(h.Store, id, history)
}

func appendBeyondHead(t test, h EventStoreHarness) {
	id, unknown := newID(), newID()
	history := t.append(h.Store, command(id, 0, 2))
	t.expectConflict(h.Store, command(id, 3, 1), 2)
	t.expectConflict(h.Store, command(unknown, 1, 1), 0)
	t.expectHistory(h.Store, id, history)
	t.expectHistory(h.Store, unknown, nil)
}

// expectConflict checks that the append loses against a history at head.
func (t test) expectConflict(store ports.EventStore, a ports.Append, head uint64) {
	t.Helper()
	_, err := t.tryAppend(store, a)
	var conflict *ports.VersionConflictError
	if !errors.Is(err, ports.ErrVersionConflict) || !errors.As(err, &conflict) {
		t.Fatalf("append at %d, with the head at %d: error %v, want a *VersionConflictError", a.Expected, head, err)
	}
	if want := (ports.VersionConflictError{
		AggregateID: a.AggregateID, Expected: a.Expected, Actual: head,
	}); *conflict != want {
		t.Fatalf("append at %d: conflict %+v, want %+v", a.Expected, *conflict, want)
	}
}

func malformedAppend(t test, h EventStoreHarness) {
	id := newID()
	history := t.append(h.Store, command(id, 0, 1))
	for what, spoil := range map[string]func(*ports.Append){
		"no records":              func(a *ports.Append) { a.Records = nil },
		"no aggregate id":         func(a *ports.Append) { a.AggregateID = uuid.Nil },
		"no command id":           func(a *ports.Append) { a.CommandID = uuid.Nil },
		"a foreign record":        func(a *ports.Append) { a.Records[1].AggregateID = newID() },
		"a foreign command id":    func(a *ports.Append) { a.Records[1].CommandID = newID() },
		"a hole":                  func(a *ports.Append) { a.Records[1].SequenceNumber++ },
		"a wrong start":           func(a *ports.Append) { a.Expected-- },
		"no event id":             func(a *ports.Append) { a.Records[1].EventID = uuid.Nil },
		"no event type":           func(a *ports.Append) { a.Records[1].EventType = "" },
		"no event version":        func(a *ports.Append) { a.Records[1].EventVersion = 0 },
		"a time that is too fine": func(a *ports.Append) { a.Records[1].CreatedAt = time.Unix(0, 1).UTC() },
		"a time in another zone":  func(a *ports.Append) { a.Records[1].CreatedAt = day.In(time.FixedZone("there", 3600)) },
	} {
		a := command(id, 1, 2)
		spoil(&a)
		_, err := t.tryAppend(h.Store, a)
		if err == nil {
			t.Errorf("append with %s was accepted", what)
		}
		for _, retried := range []error{ports.ErrVersionConflict, ports.ErrUnavailable, ports.ErrOutcomeUnknown} {
			if errors.Is(err, retried) {
				t.Errorf("append with %s was refused as something to be tried again: %v", what, err)
			}
		}
	}
	t.expectHistory(h.Store, id, history)
}

func repeatedCommand(t test, h EventStoreHarness) {
	id := newID()
	history := t.append(h.Store, command(id, 0, 1))
	first := command(id, 1, 2)
	history = append(history, t.append(h.Store, first)...)
	t.expectDuplicate(h.Store, first, first.Records)
	t.expectHistory(h.Store, id, history)
	t.expectDuplicate(h.Store, again(first, 3), first.Records)

	history = append(history, t.append(h.Store, command(id, 3, 2))...)
	t.expectDuplicate(h.Store, again(first, 1), first.Records)
	t.expectHistory(h.Store, id, history)
}

// expectDuplicate checks that the append returns the records of an earlier attempt.
func (t test) expectDuplicate(store ports.EventStore, a ports.Append, want []eventsourcing.Record) {
	t.Helper()
	got, err := t.tryAppend(store, a)
	t.must("append of a repeated command", err)
	t.expectRecords("answer to a repeated command", got.Records, want)
	if !got.Duplicate {
		t.Fatalf("the answer to a repeated command is not marked as duplicate")
	}
}

func commandIDOfTwoAggregates(t test, h EventStoreHarness) {
	a := command(newID(), 0, 1)
	t.append(h.Store, a)
	b := a
	b.AggregateID = newID()
	b = again(b, 2)
	t.append(h.Store, b)
	t.expectHistory(h.Store, a.AggregateID, a.Records)
	t.expectHistory(h.Store, b.AggregateID, b.Records)
}

func eventStoreCalls(store ports.EventStore, a ports.Append) []call {
	return []call{
		{"Append", func(ctx context.Context) error { _, err := store.Append(ctx, a); return err }},
		{"Load", func(ctx context.Context) error { _, err := store.Load(ctx, a.AggregateID, 0); return err }},
	}
}

func eventStoreCancelled(t test, h EventStoreHarness) {
	a := command(newID(), 0, 2)
	t.refusesCancelled(eventStoreCalls(h.Store, a)...)
	t.expectHistory(h.Store, a.AggregateID, nil)
	t.append(h.Store, a)
}

func eventStoreClosed(t test, h EventStoreHarness) {
	a := command(newID(), 0, 1)
	t.append(h.Store, a)
	t.refusesClosed(h, eventStoreCalls(h.Store, command(a.AggregateID, 1, 1))...)
}

func eventStoreMemory(t test, h EventStoreHarness) {
	a := command(newID(), 0, 2)
	want := again(a, 0).Records
	for _, r := range a.Records {
		want = append(want, r.Clone())
	}
	got, err := t.tryAppend(h.Store, a)
	t.must("append", err)
	scribble(a.Records)
	t.expectHistory(h.Store, a.AggregateID, want)
	scribble(got.Records)
	t.expectHistory(h.Store, a.AggregateID, want)
	scribble(t.load(h.Store, a.AggregateID, 0))
	t.expectHistory(h.Store, a.AggregateID, want)
	got, err = t.tryAppend(h.Store, again(a, 1))
	t.must("append of a repeated command", err)
	scribble(got.Records)
	t.expectHistory(h.Store, a.AggregateID, want)
}

// scribble overwrites everything that records refer to.
func scribble(records []eventsourcing.Record) {
	for i := range records {
		for j := range records[i].Payload {
			records[i].Payload[j] = 'x'
		}
		for key := range records[i].Metadata {
			records[i].Metadata[key] = "scribbled"
		}
		records[i] = eventsourcing.Record{}
	}
}

func eventStoreReopened(t test, h EventStoreHarness) {
	a, b := command(newID(), 0, 3), command(newID(), 0, 1)
	t.append(h.Store, a)
	t.append(h.Store, b)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectHistory(h.Store, a.AggregateID, a.Records)
	t.expectHistory(h.Store, b.AggregateID, b.Records)
	t.expectDuplicate(h.Store, again(a, 2), a.Records)
	t.expectConflict(h.Store, command(a.AggregateID, 2, 1), 3)
	history := append(a.Records, t.append(h.Store, command(a.AggregateID, 3, 1))...)
	t.expectHistory(h.Store, a.AggregateID, history)
}
