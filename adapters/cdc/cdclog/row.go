package cdc

import (
	"errors"
	"fmt"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	scyllacdc "github.com/scylladb/scylla-cdc-go"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// logRow is a row of the CDC log. In the columns of the outbox nil is null: not set by the change, or set to null.
type logRow struct {
	at        gocql.UUID
	operation scyllacdc.OperationType

	aggregateID    *gocql.UUID
	sequenceNumber *int64
	eventID        *gocql.UUID
	eventType      *string
	eventVersion   *int
	payload        *string
	commandID      *gocql.UUID
	correlationID  *gocql.UUID
	causationID    *gocql.UUID
	metadata       map[string]string
	createdAt      *time.Time
}

// MalformedRowError is about a log row that should be a record and is not. It is an [ports.ErrCorrupt].
type MalformedRowError struct {
	// AggregateID and SequenceNumber are zero where they are what is missing.
	AggregateID    uuid.UUID
	SequenceNumber uint64
	// At is the time of the change.
	At time.Time
	// Err says what is wrong.
	Err error
}

func (e *MalformedRowError) Error() string {
	return fmt.Sprintf("log row of %s, event %d of %s: %v", e.At.UTC().Format(time.RFC3339Nano), e.SequenceNumber, e.AggregateID, e.Err)
}

// Unwrap returns the cause.
func (e *MalformedRowError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ports.ErrCorrupt) true.
func (e *MalformedRowError) Is(target error) bool { return target == ports.ErrCorrupt }

// record returns the record that the row carries. found is false for rows that carry none: preimages, deletes, operations of
// later servers, and the second row of an insert that sets a column to null.
func (r *logRow) record() (record eventsourcing.Record, found bool, err error) {
	switch r.operation {
	case scyllacdc.Insert, scyllacdc.PostImage:
	case scyllacdc.Update:
		if r.eventID == nil && r.payload == nil {
			return record, false, nil
		}
	default:
		return record, false, nil
	}
	record = eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: ports.LegacyAggregateType,
			EventID:       id(r.eventID), AggregateID: id(r.aggregateID), SequenceNumber: uint64(max(0, value(r.sequenceNumber))),
			CommandID: id(r.commandID), CorrelationID: id(r.correlationID), CausationID: id(r.causationID),
			Metadata: r.metadata, CreatedAt: eventsourcing.Timestamp(value(r.createdAt)),
		},
		EventType:    value(r.eventType),
		EventVersion: value(r.eventVersion),
		Payload:      []byte(value(r.payload)),
	}
	if err := r.check(record); err != nil {
		return eventsourcing.Record{}, false, &MalformedRowError{
			AggregateID: record.AggregateID, SequenceNumber: record.SequenceNumber, At: r.at.Time(), Err: err,
		}
	}
	return record, true, nil
}

func (r *logRow) check(record eventsourcing.Record) error {
	switch {
	case record.AggregateID == uuid.Nil:
		return errors.New("no aggregate id")
	case record.SequenceNumber == 0:
		return errors.New("no sequence number, or one below 1")
	case record.EventID == uuid.Nil:
		return errors.New("no event id")
	case record.CommandID == uuid.Nil:
		return errors.New("no command id")
	case record.EventType == "":
		return errors.New("no event type")
	case record.EventVersion < 1:
		return errors.New("no event version, or one below 1")
	case r.payload == nil:
		return errors.New("no payload")
	case r.createdAt == nil:
		return errors.New("no time of creation")
	}
	return nil
}

func id(u *gocql.UUID) uuid.UUID { return uuid.UUID(value(u)) }

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// logColumns are read by the fast reader and while catching up, in the order of [logRow.targets].
const logColumns = `"cdc$time", "cdc$operation", aggregate_id, sequence_number, event_id, event_type, event_version, payload, ` +
	`command_id, correlation_id, causation_id, metadata, created_at`

func (r *logRow) targets() []any {
	return []any{
		&r.at, (*int8)(&r.operation), &r.aggregateID, &r.sequenceNumber, &r.eventID, &r.eventType, &r.eventVersion, &r.payload,
		&r.commandID, &r.correlationID, &r.causationID, &r.metadata, &r.createdAt,
	}
}

// fromLibrary is the row that scylla-cdc-go delivered. A column of another type than ours is like one that is null.
func fromLibrary(at gocql.UUID, row *scyllacdc.ChangeRow) *logRow {
	return &logRow{
		at: at, operation: row.GetOperation(),
		aggregateID: column[*gocql.UUID](row, "aggregate_id"), sequenceNumber: column[*int64](row, "sequence_number"),
		eventID: column[*gocql.UUID](row, "event_id"), eventType: column[*string](row, "event_type"),
		eventVersion: column[*int](row, "event_version"), payload: column[*string](row, "payload"),
		commandID: column[*gocql.UUID](row, "command_id"), correlationID: column[*gocql.UUID](row, "correlation_id"),
		causationID: column[*gocql.UUID](row, "causation_id"), metadata: column[map[string]string](row, "metadata"),
		createdAt: column[*time.Time](row, "created_at"),
	}
}

func column[T any](row *scyllacdc.ChangeRow, name string) T {
	v, _ := row.GetValue(name)
	t, _ := v.(T)
	return t
}
