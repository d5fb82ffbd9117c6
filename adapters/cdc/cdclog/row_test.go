package cdclog_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/cdc/cdclog"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

var created = time.Date(2026, time.January, 2, 3, 4, 5, 678_000_000, time.UTC)

func id(n byte) uuid.UUID { return uuid.UUID{n, 15: 1} }

// fullRow is the row of an insert with all columns.
func fullRow() *cdclog.Row {
	return cdclog.NewRow(cdclog.Insert, cdclog.Columns{
		AggregateID: id(1), SequenceNumber: 7, EventID: id(2), EventType: "order.created", EventVersion: 2, Payload: `{"a":1}`,
		CommandID: id(3), CorrelationID: id(4), CausationID: id(5), Metadata: map[string]string{"user": "ada"}, CreatedAt: created,
	})
}

func TestRow_BecomesARecord(t *testing.T) {
	t.Parallel()
	full := eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: "order",
			EventID:       id(2), AggregateID: id(1), SequenceNumber: 7, CommandID: id(3), CorrelationID: id(4), CausationID: id(5),
			Metadata: map[string]string{"user": "ada"}, CreatedAt: created,
		},
		EventType: "order.created", EventVersion: 2, Payload: []byte(`{"a":1}`),
	}
	sparse := full
	sparse.CorrelationID, sparse.CausationID, sparse.Metadata, sparse.Payload = uuid.Nil, uuid.Nil, nil, []byte{}
	for name, tt := range map[string]struct {
		operation cdclog.Operation
		without   []string
		payload   *string
		want      eventsourcing.Record
	}{
		"an insert":                       {operation: cdclog.Insert, want: full},
		"a postimage":                     {operation: cdclog.PostImage, want: full},
		"an update that sets all columns": {operation: cdclog.Update, want: full},
		"an insert without what need not be there": {operation: cdclog.Insert, without: []string{"correlation_id", "causation_id", "metadata"}, payload: new(string), want: sparse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := fullRow()
			row.SetOperation(tt.operation)
			row.Clear(tt.without...)
			if tt.payload != nil {
				row.SetPayload(*tt.payload)
			}
			got, found, err := row.Record()
			if err != nil || !found {
				t.Fatalf("got %v, %v, want a record", found, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRow_IsIgnored(t *testing.T) {
	t.Parallel()
	for _, operation := range []cdclog.Operation{
		cdclog.PreImage, cdclog.RowDelete, cdclog.PartitionDelete, cdclog.RangeDeleteStartInclusive,
		cdclog.RangeDeleteEndExclusive, 10, -1,
	} {
		row := fullRow()
		row.SetOperation(operation)
		if _, found, err := row.Record(); found || err != nil {
			t.Errorf("operation %d: got %v, %v, want neither a record nor an error", operation, found, err)
		}
	}
	nulls := cdclog.NewRow(cdclog.Update, cdclog.Columns{AggregateID: id(1), SequenceNumber: 7})
	if _, found, err := nulls.Record(); found || err != nil {
		t.Errorf("the second row of an insert with a null: got %v, %v, want neither a record nor an error", found, err)
	}
}

func TestRow_WithoutWhatARecordNeedsIsMalformed(t *testing.T) {
	t.Parallel()
	for _, column := range []string{
		"aggregate_id", "sequence_number", "event_id", "event_type", "event_version", "payload", "command_id", "created_at",
	} {
		row := fullRow()
		row.Clear(column)
		_, found, err := row.Record()
		var malformed *cdclog.MalformedRowError
		if found || !errors.As(err, &malformed) || !errors.Is(err, ports.ErrCorrupt) {
			t.Errorf("without %s: got %v, %v, want a malformed row", column, found, err)
			continue
		}
		if column != "aggregate_id" && malformed.AggregateID != id(1) || column != "sequence_number" && malformed.SequenceNumber != 7 {
			t.Errorf("without %s: the error names event %d of %s", column, malformed.SequenceNumber, malformed.AggregateID)
		}
	}
}

func FuzzParseRow(f *testing.F) {
	f.Add(int8(2), uint16(0), int64(7), 2, "order.created", "{}", int64(1), []byte("0123456789abcdef"))
	f.Add(int8(9), uint16(1<<5), int64(-1), 0, "", "", int64(-1), []byte{})
	f.Add(int8(127), uint16(0xffff), int64(1<<62), -5, "\xff", "\x00", int64(1)<<60, []byte{1})
	names := []string{
		"aggregate_id", "sequence_number", "event_id", "event_type", "event_version", "payload", "command_id", "correlation_id",
		"causation_id", "metadata", "created_at",
	}
	f.Fuzz(func(t *testing.T, operation int8, nulls uint16, sequence int64, version int, eventType, payload string, millis int64, raw []byte) {
		var some uuid.UUID
		copy(some[:], raw)
		row := cdclog.NewRow(cdclog.Operation(operation), cdclog.Columns{
			AggregateID: some, SequenceNumber: sequence, EventID: some, EventType: eventType, EventVersion: version, Payload: payload,
			CommandID: some, CorrelationID: some, CausationID: some, Metadata: map[string]string{eventType: payload}, CreatedAt: time.UnixMilli(millis),
		})
		for i, name := range names {
			if nulls&(1<<i) != 0 {
				row.Clear(name)
			}
		}
		record, found, err := row.Record()
		switch {
		case err != nil:
			if found || !errors.Is(err, ports.ErrCorrupt) || err.Error() == "" {
				t.Fatalf("got %v, %v", found, err)
			}
		case !found:
		case record.SequenceNumber != uint64(sequence) || sequence < 1 || record.AggregateID != some || some == uuid.Nil || record.EventType != eventType ||
			eventType == "" || record.EventVersion < 1 || !bytes.Equal(record.Payload, []byte(payload)) || record.CreatedAt != eventsourcing.Timestamp(time.UnixMilli(millis)):
			t.Fatalf("a record that the row does not carry: %+v", record)
		}
	})
}

func TestRow_IsAHeartbeat(t *testing.T) {
	t.Parallel()
	for operation, c := range map[cdclog.Operation]cdclog.Columns{
		cdclog.Update:    {AggregateID: id(1), EventType: "orderflow.heartbeat", CreatedAt: created},
		cdclog.PostImage: {AggregateID: id(1), EventType: "orderflow.heartbeat", CreatedAt: created},
	} {
		if at, found := cdclog.NewRow(operation, c).Heartbeat(); !found || !at.Equal(created) {
			t.Errorf("the row of a heartbeat, operation %d, is taken for a record's", operation)
		}
	}
	for name, row := range map[string]*cdclog.Row{
		"an event":                        fullRow(),
		"an event of the type":            cdclog.NewRow(cdclog.Insert, cdclog.Columns{AggregateID: id(1), SequenceNumber: 1, EventType: "orderflow.heartbeat", CreatedAt: created}),
		"the deletion of a heartbeat":     cdclog.NewRow(cdclog.RowDelete, cdclog.Columns{AggregateID: id(1), EventType: "orderflow.heartbeat", CreatedAt: created}),
		"a heartbeat without a time":      cdclog.NewRow(cdclog.Update, cdclog.Columns{AggregateID: id(1), EventType: "orderflow.heartbeat"}),
		"another row with that number, 0": cdclog.NewRow(cdclog.Update, cdclog.Columns{AggregateID: id(1), EventType: "other", CreatedAt: created}),
	} {
		if _, found := row.Heartbeat(); found {
			t.Errorf("%s is taken for a heartbeat", name)
		}
	}
}
