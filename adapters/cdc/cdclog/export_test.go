package cdclog

import (
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
)

// Columns are the columns of the outbox.
type Columns struct {
	AggregateID, EventID, CommandID, CorrelationID, CausationID uuid.UUID
	SequenceNumber                                              int64
	EventVersion                                                int
	EventType, Payload                                          string
	Metadata                                                    map[string]string
	CreatedAt                                                   time.Time
}

// NewRow returns a row; the zero value of a column is null.
func NewRow(operation Operation, c Columns) *Row {
	return &Row{
		at: gocql.MinTimeUUID(time.Unix(1700000000, 0)), operation: operation,
		aggregateID: uuidOrNil(c.AggregateID), eventID: uuidOrNil(c.EventID), commandID: uuidOrNil(c.CommandID),
		correlationID: uuidOrNil(c.CorrelationID), causationID: uuidOrNil(c.CausationID), sequenceNumber: orNil(c.SequenceNumber),
		eventVersion: orNil(c.EventVersion), eventType: orNil(c.EventType), payload: orNil(c.Payload), metadata: c.Metadata,
		createdAt: orNil(c.CreatedAt),
	}
}

func orNil[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func uuidOrNil(u uuid.UUID) *gocql.UUID {
	id := gocql.UUID(u)
	return orNil(id)
}

// SetOperation changes the operation.
func (r *Row) SetOperation(o Operation) { r.operation = o }

// SetPayload changes the payload, to one that may be empty.
func (r *Row) SetPayload(p string) { r.payload = &p }

// Clear sets columns to null.
func (r *Row) Clear(columns ...string) {
	clear := map[string]func(){
		"aggregate_id": func() { r.aggregateID = nil }, "sequence_number": func() { r.sequenceNumber = nil },
		"event_id": func() { r.eventID = nil }, "event_type": func() { r.eventType = nil },
		"event_version": func() { r.eventVersion = nil }, "payload": func() { r.payload = nil },
		"command_id": func() { r.commandID = nil }, "correlation_id": func() { r.correlationID = nil },
		"causation_id": func() { r.causationID = nil }, "metadata": func() { r.metadata = nil },
		"created_at": func() { r.createdAt = nil },
	}
	for _, column := range columns {
		clear[column]()
	}
}

// Known returns of how many sets the streams are kept.
func (l *Log) Known() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.known)
}
