package scylla

import (
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// eventColumns are the columns that each row of event_store and of outbox_messages has, in the
// order of bindRecord. eventKey and eventValues are the same columns, for an update. recordColumns
// are all columns of a record, in the order of row.destinations.
const (
	eventColumns = `aggregate_id, sequence_number, event_id, event_type, event_version, payload, command_id,
	correlation_id, causation_id, metadata, created_at`
	eventKey    = `aggregate_id = ? AND sequence_number = ?`
	eventKeys   = 2 // the columns of eventKey
	eventValues = `event_id = ?, event_type = ?, event_version = ?, payload = ?, command_id = ?,
	correlation_id = ?, causation_id = ?, metadata = ?, created_at = ?`
	recordColumns = eventColumns + `, aggregate_type`
)

// bindRecord returns the values of eventColumns. What is absent is not set. A null would be a
// tombstone in the table, and a row of its own in the CDC log.
func bindRecord(r *eventsourcing.Record) []any {
	metadata := any(gocql.UnsetValue)
	if len(r.Metadata) > 0 {
		metadata = r.Metadata
	}
	return []any{
		r.AggregateID, int64(r.SequenceNumber), r.EventID, r.EventType, r.EventVersion, string(r.Payload), r.CommandID,
		optional(r.CorrelationID), optional(r.CausationID), metadata, r.CreatedAt.UnixMilli(),
	}
}

func optional(id uuid.UUID) any {
	if id == uuid.Nil {
		return gocql.UnsetValue
	}
	return id
}

// row reads recordColumns, and what a query selects after them.
type row struct {
	record   eventsourcing.Record
	typed    *string
	sequence int64
	payload  string
	millis   int64
}

// destinations returns where Scan puts recordColumns.
func (r *row) destinations(more ...any) []any {
	h := &r.record.Header
	return append([]any{
		&h.AggregateID, &r.sequence, &h.EventID, &r.record.EventType, &r.record.EventVersion, &r.payload, &h.CommandID,
		&h.CorrelationID, &h.CausationID, &h.Metadata, &r.millis, &r.typed,
	}, more...)
}

// take returns the record that was scanned, and prepares for the next one.
func (r *row) take() (eventsourcing.Record, error) {
	record := r.record
	record.AggregateType = typeOf(r.typed)
	record.SequenceNumber = uint64(r.sequence)
	record.Payload = []byte(r.payload)
	record.CreatedAt = time.UnixMilli(r.millis).UTC()
	*r = row{}
	if record.EventID == uuid.Nil || record.CommandID == uuid.Nil || record.EventType == "" || record.EventVersion < 1 {
		return record, &ports.DecodeError{
			EventID: record.EventID, AggregateID: record.AggregateID, SequenceNumber: record.SequenceNumber,
			EventType: record.EventType, EventVersion: record.EventVersion, Err: errIncomplete,
		}
	}
	return record, nil
}

// typeOf returns the aggregate type that a column holds. It is null in rows from before there were
// types, and in rows of processes that know none.
func typeOf(column *string) string {
	if column == nil {
		return ports.LegacyAggregateType
	}
	return *column
}
