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

// A store keeps milliseconds since 1970. What it gives back must be what went in, before 1970 too.
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
