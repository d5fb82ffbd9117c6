package eventsourcing_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/domain/eventsourcing"
)

// id returns a UUID that is easy to tell from others in a failure.
func id(n byte) uuid.UUID { return uuid.UUID{0: n, 6: 0x70, 8: 0x80, 15: n} }

// counter returns ids 101, 102, … as [eventsourcing.Stamp] asks for them.
func counter() func() uuid.UUID {
	n := byte(100)
	return func() uuid.UUID { n++; return id(n) }
}

func TestStamp_GivesEachEventItsHeader(t *testing.T) {
	t.Parallel()
	cause := eventsourcing.Cause{
		AggregateType: "order",
		AggregateID:   id(1), CommandID: id(2), CorrelationID: id(3), CausationID: id(4),
		Metadata: map[string]string{"who": "ada"},
		At:       time.Date(2025, time.March, 31, 14, 30, 0, 123_999_999, time.FixedZone("", 2*3600)),
	}
	header := eventsourcing.Header{
		AggregateType: "order",
		AggregateID:   id(1), CommandID: id(2), CorrelationID: id(3), CausationID: id(4),
		Metadata:  map[string]string{"who": "ada"},
		CreatedAt: time.Date(2025, time.March, 31, 12, 30, 0, 123_000_000, time.UTC),
	}
	first, second := header, header
	first.EventID, first.SequenceNumber = id(101), 8
	second.EventID, second.SequenceNumber = id(102), 9

	got := eventsourcing.Stamp(cause, 7, []string{"one", "two"}, counter())

	want := []eventsourcing.Envelope[string]{{Header: first, Event: "one"}, {Header: second, Event: "two"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("envelopes (-want +got):\n%s", diff)
	}
}

func TestStamp_NumbersANewAggregateFrom1(t *testing.T) {
	t.Parallel()
	got := eventsourcing.Stamp(eventsourcing.Cause{}, 0, []string{"one"}, uuid.New)
	if got[0].SequenceNumber != 1 {
		t.Errorf("got sequence number %d, want 1", got[0].SequenceNumber)
	}
}

func TestStamp_NoEventsNeedNoID(t *testing.T) {
	t.Parallel()
	newID := func() uuid.UUID { t.Error("asked for an id"); return uuid.Nil }
	if got := eventsourcing.Stamp(eventsourcing.Cause{}, 3, []string(nil), newID); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
}

func TestFold_AppliesEventsOldestFirst(t *testing.T) {
	t.Parallel()
	history := eventsourcing.Stamp(eventsourcing.Cause{}, 0, []string{"b", "c"}, uuid.New)
	join := func(state, event string) string { return state + event }
	if got := eventsourcing.Fold("a", join, history); got != "abc" {
		t.Errorf("got %q, want %q", got, "abc")
	}
	if got := eventsourcing.Fold("a", join, nil); got != "a" {
		t.Errorf("no events: got %q, want the state that was given", got)
	}
}

// A state may be kept and folded further, wherever the history is cut.
func TestFold_PropPrefixThenRestEqualsWhole(t *testing.T) {
	t.Parallel()
	join := func(state, event string) string { return state + "," + event }
	rapid.Check(t, func(t *rapid.T) {
		history := eventsourcing.Stamp(eventsourcing.Cause{}, 0, rapid.SliceOf(rapid.String()).Draw(t, "events"), uuid.New)
		cut := rapid.IntRange(0, len(history)).Draw(t, "cut")

		prefix := eventsourcing.Fold("", join, history[:cut])
		if got, want := eventsourcing.Fold(prefix, join, history[cut:]), eventsourcing.Fold("", join, history); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestStamp_PropContinuesTheHistory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		head := rapid.Uint64Range(0, 1<<62).Draw(t, "head")
		events := rapid.SliceOf(rapid.String()).Draw(t, "events")
		var records []eventsourcing.Record
		for _, e := range eventsourcing.Stamp(eventsourcing.Cause{AggregateID: id(1)}, head, events, uuid.New) {
			records = append(records, eventsourcing.Record{Header: e.Header})
		}
		if err := eventsourcing.CheckHistory(records, id(1), head); err != nil {
			t.Fatal(err)
		}
	})
}
