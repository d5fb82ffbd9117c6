package cdclog

import (
	"errors"
	"fmt"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Operation is the kind of a row of the log, cdc$operation.
type Operation int8

// The operations that matter here.
const (
	PreImage Operation = iota
	Update
	Insert
	RowDelete
	PartitionDelete
	RangeDeleteStartInclusive
	RangeDeleteStartExclusive
	RangeDeleteEndInclusive
	RangeDeleteEndExclusive
	PostImage
)

// Row is a row of the log. In the columns of the outbox nil is null: the change did not set the
// column, or it set it to null.
type Row struct {
	at        gocql.UUID
	operation Operation

	aggregateID    *gocql.UUID
	aggregateType  *string
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

// MalformedRowError says that a log row should be a record and is not. It is an [ports.ErrCorrupt].
type MalformedRowError struct {
	// AggregateID and SequenceNumber are zero when they are missing.
	AggregateID    uuid.UUID
	SequenceNumber uint64
	// At returns the time of the change.
	At time.Time
	// Err says what is wrong.
	Err error
}

func (e *MalformedRowError) Error() string {
	return fmt.Sprintf("log row of %s, event %d of %s: %v",
		e.At.UTC().Format(time.RFC3339Nano), e.SequenceNumber, e.AggregateID, e.Err)
}

// Unwrap returns the cause.
func (e *MalformedRowError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ports.ErrCorrupt) true.
func (e *MalformedRowError) Is(target error) bool { return target == ports.ErrCorrupt }

// At returns the time of the change.
func (r *Row) At() time.Time { return r.at.Time() }

// Record returns the record in the row. found is false for rows without a record: preimages,
// deletes, operations of later servers, and the second row of an insert that sets a column to null.
//
// Errors: [*MalformedRowError].
func (r *Row) Record() (record eventsourcing.Record, found bool, err error) {
	switch r.operation {
	case Insert, PostImage:
	case Update:
		if r.eventID == nil && r.payload == nil {
			return record, false, nil
		}
	default:
		return record, false, nil
	}
	record = eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: r.typeOf(),
			EventID:       id(r.eventID), AggregateID: id(r.aggregateID),
			SequenceNumber: uint64(max(0, value(r.sequenceNumber))),
			CommandID:      id(r.commandID), CorrelationID: id(r.correlationID), CausationID: id(r.causationID),
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

func (r *Row) check(record eventsourcing.Record) error {
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

// typeOf returns the aggregate type of the record. It is null in rows that were written before
// there were types, and in rows of processes that know none.
func (r *Row) typeOf() string {
	if r.aggregateType == nil {
		return ports.LegacyAggregateType
	}
	return *r.aggregateType
}

func id(u *gocql.UUID) uuid.UUID { return uuid.UUID(value(u)) }

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// logColumns are the columns that are read, in the order of [Row.targets].
const logColumns = `"cdc$time", "cdc$operation", aggregate_id, aggregate_type, sequence_number, event_id, event_type, event_version, payload, ` +
	`command_id, correlation_id, causation_id, metadata, created_at`

func (r *Row) targets() []any {
	return []any{
		&r.at, (*int8)(&r.operation), &r.aggregateID, &r.aggregateType, &r.sequenceNumber, &r.eventID, &r.eventType,
		&r.eventVersion, &r.payload,
		&r.commandID, &r.correlationID, &r.causationID, &r.metadata, &r.createdAt,
	}
}

// heartbeatType is the event type of a heartbeat's row. The row has sequence number 0, which no
// event has.
const heartbeatType = "orderflow.heartbeat"

// Heartbeat returns the time in the row when it is a heartbeat, in whichever partition.
func (r *Row) Heartbeat() (at time.Time, found bool) {
	switch r.operation {
	case Insert, Update, PostImage:
	default:
		return at, false
	}
	if value(r.sequenceNumber) != 0 || value(r.eventType) != heartbeatType || r.createdAt == nil {
		return at, false
	}
	return eventsourcing.Timestamp(*r.createdAt), true
}
