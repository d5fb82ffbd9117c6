package aggregateapi

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// CommandDocument is the answer to a command.
type CommandDocument struct {
	_ struct{} `additionalProperties:"true"`

	endpoint.Aggregate
	SequenceNumber uint64          `json:"sequence_number" minimum:"1" example:"2" doc:"Number of the command's last event, or of the aggregate's last event when the command changed nothing. Pass it as min_sequence to read what was written."`
	Events         []EventDocument `json:"events" doc:"What happened; empty when the command changed nothing."`
}

// EventDocument is one event.
type EventDocument struct {
	_ struct{} `additionalProperties:"true"`

	EventID        uuid.UUID         `json:"event_id" format:"uuid" doc:"Unique over all events."`
	AggregateID    uuid.UUID         `json:"aggregate_id" format:"uuid" doc:"The aggregate that it happened to."`
	AggregateType  string            `json:"aggregate_type" example:"order" doc:"Its type."`
	SequenceNumber uint64            `json:"sequence_number" minimum:"1" example:"1" doc:"Place in the history of the aggregate, from 1, without gaps."`
	EventType      string            `json:"event_type" example:"order.created" doc:"What kind of fact this is."`
	EventVersion   int               `json:"event_version" minimum:"1" example:"1" doc:"Version of the schema of data."`
	CommandID      uuid.UUID         `json:"command_id" format:"uuid" doc:"The command that caused it."`
	CorrelationID  uuid.UUID         `json:"correlation_id" format:"uuid" doc:"What it belongs to."`
	CausationID    uuid.UUID         `json:"causation_id" format:"uuid" doc:"The message that directly caused it."`
	Metadata       map[string]string `json:"metadata" doc:"Context of the command. correlation_id and causation_id are here as well where the client gave ones that are no UUIDs."`
	CreatedAt      string            `json:"created_at" format:"date-time" example:"2026-03-01T12:00:00.000Z" doc:"When the command was decided."`
	Data           json.RawMessage   `json:"data" doc:"The fact itself, by event_type and event_version."`
}

// EventsDocument is the history of an aggregate.
type EventsDocument struct {
	_ struct{} `additionalProperties:"true"`

	Events    []EventDocument `json:"events" doc:"A part of the history, oldest first."`
	NextAfter uint64          `json:"next_after,omitempty" minimum:"1" doc:"Pass it as after for the next part; absent on the last one."`
}

func renderEvents(codec ports.Codec[any], envelopes []projection.Event) ([]EventDocument, error) {
	events := make([]EventDocument, 0, len(envelopes))
	for _, e := range envelopes {
		record, err := codec.Encode(e)
		if err != nil {
			return nil, fmt.Errorf("render event %s: %w", e.EventID, err)
		}
		metadata := record.Metadata
		if metadata == nil {
			metadata = map[string]string{}
		}
		events = append(events, EventDocument{
			EventID: record.EventID, AggregateID: record.AggregateID, AggregateType: record.AggregateType,
			SequenceNumber: record.SequenceNumber, EventType: record.EventType, EventVersion: record.EventVersion,
			CommandID: record.CommandID, CorrelationID: record.CorrelationID, CausationID: record.CausationID,
			Metadata: metadata, CreatedAt: endpoint.Timestamp(record.CreatedAt), Data: record.Payload,
		})
	}
	return events, nil
}

// Values reads a row that is known to fit its table.
type Values struct {
	table *projection.Table
	row   projection.Row
}

// ValuesOf returns the values of a row. Errors: ErrCorrupt when it does not fit the table.
func ValuesOf(table *projection.Table, row projection.Row) (Values, error) {
	if err := table.CheckRow(row); err != nil {
		return Values{}, fmt.Errorf("%w: %w", ports.ErrCorrupt, err)
	}
	return Values{table, row}, nil
}

// Text returns a column of text. Like the other methods it panics for a column of another kind.
func (v Values) Text(column string) string { return v.table.Get(v.row, column).(string) }

// Number returns a column of whole numbers.
func (v Values) Number(column string) int64 { return v.table.Get(v.row, column).(int64) }

// UUID returns a column of UUIDs.
func (v Values) UUID(column string) uuid.UUID { return v.table.Get(v.row, column).(uuid.UUID) }

// Time returns a column of times, rendered.
func (v Values) Time(column string) string {
	return endpoint.Timestamp(v.table.Get(v.row, column).(time.Time))
}
