package porttest

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// newID returns an id like those of real aggregates, events and commands.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// command returns the append of a new command with the given number of events.
func command(aggregateID uuid.UUID, expected uint64, events int) ports.Append {
	return again(ports.Append{AggregateID: aggregateID, Expected: expected, CommandID: newID()}, events)
}

// again returns another attempt of a command. It was decided again, so it has other events.
func again(a ports.Append, events int) ports.Append {
	a.Records = nil
	for i := range events {
		a.Records = append(a.Records, record(a.AggregateID, a.Expected+uint64(i)+1, a.CommandID))
	}
	return a
}

func record(aggregateID uuid.UUID, sequence uint64, commandID uuid.UUID) eventsourcing.Record {
	return eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType:  "order",
			EventID:        newID(),
			AggregateID:    aggregateID,
			SequenceNumber: sequence,
			CommandID:      commandID,
			CorrelationID:  newID(),
			CausationID:    commandID,
			Metadata:       map[string]string{"user": "porttest"},
			CreatedAt:      eventsourcing.Timestamp(time.Now()),
		},
		EventType:    "porttest.happened",
		EventVersion: 1,
		Payload:      fmt.Appendf(nil, `{"sequence":%d}`, sequence),
	}
}

// place identifies a record without its contents.
type place struct {
	aggregateID uuid.UUID
	sequence    uint64
}

func placeOf(r eventsourcing.Record) place { return place{r.AggregateID, r.SequenceNumber} }

func (p place) String() string { return fmt.Sprintf("event %d of %s", p.sequence, p.aggregateID) }

// differ describes how got differs from want. It returns "" when it does not. Nil and empty maps
// and slices are equal, and so are times of the same instant.
func differ[V any](got, want V) string {
	if reflect.DeepEqual(got, want) { // nearly always true, and much faster
		return ""
	}
	return cmp.Diff(want, got, equality...)
}

// firstDiffer describes where and how got first differs from want. It returns "" when it does not.
func firstDiffer[V any](got, want []V) string {
	for i := range min(len(got), len(want)) {
		if diff := differ(got[i], want[i]); diff != "" {
			return fmt.Sprintf("entry %d of %d (-want +got):\n%s", i+1, len(want), diff)
		}
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d entries, want %d", len(got), len(want))
	}
	return ""
}

var equality = cmp.Options{
	cmpopts.EquateEmpty(),
	// so that a difference shows ids, not bytes
	cmp.Comparer(func(a, b uuid.UUID) bool { return a == b }),
	// cmp searches for a small edit, which is too slow for a large payload
	cmp.FilterValues(notEmpty, cmp.Comparer(bytes.Equal)),
}

func notEmpty(a, b []byte) bool { return len(a)+len(b) > 0 }

// expectRecords compares records, which must also be in UTC.
func (t test) expectRecords(what string, got, want []eventsourcing.Record) {
	t.Helper()
	if diff := firstDiffer(got, want); diff != "" {
		t.Fatalf("%s: %s", what, diff)
	}
	for _, r := range got {
		if r.CreatedAt.Location() != time.UTC {
			t.Fatalf("%s: %s: created_at %s is not in UTC", what, placeOf(r), r.CreatedAt)
		}
	}
}

// largeJSON is a payload of a quarter of a mebibyte.
func largeJSON() []byte { return []byte(`"` + strings.Repeat("0123456789abcdef", 256<<10/16) + `"`) }
