package eventsourcing_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

func record(aggregateID, commandID uuid.UUID, sequenceNumber uint64) eventsourcing.Record {
	return eventsourcing.Record{Header: eventsourcing.Header{
		AggregateType: "order", AggregateID: aggregateID, CommandID: commandID, SequenceNumber: sequenceNumber,
	}}
}

func typed(aggregateType string, sequenceNumber uint64) eventsourcing.Record {
	r := record(id(1), id(2), sequenceNumber)
	r.AggregateType = aggregateType
	return r
}

func numbered(sequenceNumbers ...uint64) []eventsourcing.Record {
	var records []eventsourcing.Record
	for _, n := range sequenceNumbers {
		records = append(records, record(id(1), id(2), n))
	}
	return records
}

func TestCheckHistory(t *testing.T) {
	t.Parallel()
	const subject = "history of 01000000-0000-7000-8000-000000000001: "
	tests := []struct {
		name    string
		records []eventsourcing.Record
		after   uint64
		problem string // empty when the history is complete
	}{
		{"accepts no records", nil, 0, ""},
		{"accepts a history from its first event", numbered(1, 2, 3), 0, ""},
		{"accepts the continuation behind a sequence number", numbered(5, 6), 4, ""},
		{"reports a history that does not start at 1", numbered(2, 3), 0, "sequence number 2 where 1 is due"},
		{"reports a continuation that starts early", numbered(4, 5), 4, "sequence number 4 where 5 is due"},
		{"reports sequence number 0", numbered(0), 0, "sequence number 0 where 1 is due"},
		{"reports a hole", numbered(1, 2, 4), 0, "sequence number 4 where 3 is due"},
		{"reports a double", numbered(1, 2, 2), 0, "sequence number 2 where 3 is due"},
		{"reports the wrong order", numbered(2, 1), 0, "sequence number 2 where 1 is due"},
		{"reports a record of another type", append(numbered(1), typed("stock_item", 2)), 0, `record 1 is of aggregate type "stock_item", the first one of "order"`},
		{"reports a foreign record", append(numbered(1), record(id(9), id(2), 2)), 0, "record 1 belongs to 09000000-0000-7000-8000-000000000009"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := eventsourcing.CheckHistory(tt.records, id(1), tt.after)
			switch {
			case err == nil && tt.problem != "":
				t.Errorf("accepted, want %q", tt.problem)
			case err != nil && err.Error() != subject+tt.problem:
				t.Errorf("got %q, want %q", err, subject+tt.problem)
			}
		})
	}
}

func TestByCommand(t *testing.T) {
	t.Parallel()
	history := []eventsourcing.Record{
		record(id(1), id(10), 1), record(id(1), id(20), 2), record(id(1), id(20), 3), record(id(1), id(30), 4),
	}
	tests := []struct {
		name    string
		command uuid.UUID
		want    []eventsourcing.Record
	}{
		{"finds the only event of a command", id(10), history[:1]},
		{"finds all events of a command, in order", id(20), history[1:3]},
		{"finds none for a command that is not there", id(40), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, eventsourcing.ByCommand(history, tt.command)); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}
