package eventsourcing_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"orderflow/domain/eventsourcing"
)

func TestRecord_CloneSharesNothing(t *testing.T) {
	t.Parallel()
	full := func() eventsourcing.Record {
		return eventsourcing.Record{
			Header: eventsourcing.Header{
				EventID: id(1), AggregateID: id(2), SequenceNumber: 3, CommandID: id(4), CorrelationID: id(5), CausationID: id(6),
				Metadata:  map[string]string{"who": "ada"},
				CreatedAt: time.Date(2025, time.March, 31, 12, 30, 0, 0, time.UTC),
			},
			EventType: "account.deposited", EventVersion: 2, Payload: []byte(`{"amount":1}`),
		}
	}
	original := full()
	clone := original.Clone()
	if diff := cmp.Diff(full(), clone); diff != "" {
		t.Fatalf("clone (-want +got):\n%s", diff)
	}

	clone.Metadata["who"] = "bob"
	clone.Payload[0] = '['
	if diff := cmp.Diff(full(), original); diff != "" {
		t.Errorf("the original changed with its clone (-want +got):\n%s", diff)
	}
}

func TestRecord_CloneOfTheZeroRecordIsZero(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(eventsourcing.Record{}, eventsourcing.Record{}.Clone()); diff != "" {
		t.Errorf("clone (-want +got):\n%s", diff)
	}
}

func TestTimestamp_CutsToMillisecondsInUTC(t *testing.T) {
	t.Parallel()
	got := eventsourcing.Timestamp(time.Date(2025, time.March, 31, 14, 30, 0, 123_999_999, time.FixedZone("", 2*3600)))
	if want := time.Date(2025, time.March, 31, 12, 30, 0, 123_000_000, time.UTC); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A store keeps milliseconds since 1970. It must return the same time that it was given, also
// before 1970.
func TestTimestamp_PropSurvivesAStore(t *testing.T) {
	t.Parallel()
	year := int64(365 * 24 * time.Hour / time.Second)
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-100*year, 1000*year).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		stamped := eventsourcing.Timestamp(at)
		if stored := time.UnixMilli(stamped.UnixMilli()).UTC(); stored != stamped {
			t.Fatalf("got %v back for %v", stored, stamped)
		}
		if again := eventsourcing.Timestamp(stamped); again != stamped {
			t.Fatalf("a timestamp changed to %v when stamped again", again)
		}
		if late := at.Sub(stamped); late < 0 || late >= time.Millisecond {
			t.Fatalf("%v became %v", at, stamped)
		}
	})
}

func TestTyped_IsTheInverseOfUntyped(t *testing.T) {
	t.Parallel()
	want := eventsourcing.Envelope[string]{Header: eventsourcing.Header{EventID: id(1), AggregateType: "order", SequenceNumber: 3}, Event: "one"}
	untyped := eventsourcing.Untyped(want)
	if untyped.Event != any("one") || untyped.SequenceNumber != 3 {
		t.Errorf("untyped: %+v", untyped)
	}
	got, ok := eventsourcing.Typed[string](untyped)
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("typed, %t (-want +got):\n%s", ok, diff)
	}
}

// An event of another type keeps its header, so that a caller can report it.
func TestTyped_TellsWhatIsOfAnotherType(t *testing.T) {
	t.Parallel()
	header := eventsourcing.Header{EventID: id(1), SequenceNumber: 3}
	for name, event := range map[string]any{"another type": 4, "nil": nil} {
		got, ok := eventsourcing.Typed[string](eventsourcing.Envelope[any]{Header: header, Event: event})
		if diff := cmp.Diff(eventsourcing.Envelope[string]{Header: header}, got); ok || diff != "" {
			t.Errorf("%s: typed, %t (-want +got):\n%s", name, ok, diff)
		}
	}
	if _, ok := eventsourcing.Typed[any](eventsourcing.Envelope[any]{Event: 4}); !ok {
		t.Error("an event is not taken for any")
	}
	if _, ok := eventsourcing.Typed[error](eventsourcing.Envelope[any]{}); ok {
		t.Error("no event is taken for one")
	}
}

func TestUntypedAll_KeepsTheOrder(t *testing.T) {
	t.Parallel()
	typed := eventsourcing.Stamp(eventsourcing.Cause{AggregateID: id(1)}, 0, []string{"one", "two"}, counter())
	got := eventsourcing.UntypedAll(typed)
	if len(got) != 2 {
		t.Fatalf("%d events", len(got))
	}
	for i := range got {
		if diff := cmp.Diff(eventsourcing.Untyped(typed[i]), got[i]); diff != "" {
			t.Errorf("event %d (-want +got):\n%s", i, diff)
		}
	}
	if none := eventsourcing.UntypedAll[string](nil); len(none) != 0 {
		t.Errorf("of nothing: %v", none)
	}
}
