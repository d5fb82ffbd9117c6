package httpapi

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/projection"
	"orderflow/ports"
)

// The documents of the answers. The tags are their schema in the OpenAPI document as well. Answers may get more members in
// future versions, which is why additionalProperties is true.

type commandDocument struct {
	_ struct{} `additionalProperties:"true"`

	OrderID        uuid.UUID       `json:"order_id" format:"uuid" doc:"The order."`
	SequenceNumber uint64          `json:"sequence_number" minimum:"1" example:"2" doc:"Number of the command's last event, or of the order's last event when the command changed nothing. Pass it as min_sequence to read what was written."`
	Events         []eventDocument `json:"events" nullable:"false" doc:"What happened; empty when the command changed nothing."`
}

type eventDocument struct {
	_ struct{} `additionalProperties:"true"`

	EventID        uuid.UUID         `json:"event_id" format:"uuid" doc:"Unique over all events."`
	SequenceNumber uint64            `json:"sequence_number" minimum:"1" example:"1" doc:"Place in the history of the order, from 1, without holes."`
	EventType      string            `json:"event_type" example:"order.created" doc:"What kind of fact this is."`
	EventVersion   int               `json:"event_version" minimum:"1" example:"1" doc:"Version of the schema of data."`
	CommandID      uuid.UUID         `json:"command_id" format:"uuid" doc:"The command that caused it."`
	CorrelationID  uuid.UUID         `json:"correlation_id" format:"uuid" doc:"What it belongs to."`
	CausationID    uuid.UUID         `json:"causation_id" format:"uuid" doc:"The message that directly caused it."`
	Metadata       map[string]string `json:"metadata" doc:"Free-form context of the command."`
	CreatedAt      string            `json:"created_at" format:"date-time" example:"2026-03-01T12:00:00.000Z" doc:"When the command was decided."`
	Data           json.RawMessage   `json:"data" doc:"The fact itself, by event_type and event_version."`
}

type eventsDocument struct {
	_ struct{} `additionalProperties:"true"`

	Events []eventDocument `json:"events" nullable:"false" doc:"The whole history, oldest first."`
}

type lineDocument struct {
	_ struct{} `additionalProperties:"true"`

	SKU       string `json:"sku" example:"A-1" doc:"The article."`
	Quantity  int64  `json:"quantity" example:"2" doc:"How many."`
	UnitPrice int64  `json:"unit_price" example:"1250" doc:"Price of one, in minor units of the currency."`
}

type orderDocument struct {
	_ struct{} `additionalProperties:"true"`

	OrderID          uuid.UUID      `json:"order_id" format:"uuid" doc:"The order."`
	CustomerID       string         `json:"customer_id" example:"ann" doc:"Who ordered."`
	Status           string         `json:"status" enum:"ACTIVE,CONFIRMED,SHIPPED,DELIVERED,CANCELLED" doc:"Where the order stands."`
	Currency         string         `json:"currency" example:"EUR" doc:"ISO 4217 code."`
	Total            int64          `json:"total" example:"2500" doc:"Sum over the lines, in minor units of the currency."`
	Items            []lineDocument `json:"items" nullable:"false" doc:"The lines."`
	PaymentReference string         `json:"payment_reference,omitempty" doc:"From the confirmation."`
	Carrier          string         `json:"carrier,omitempty" doc:"From the shipment."`
	TrackingNumber   string         `json:"tracking_number,omitempty" doc:"From the shipment."`
	CancelReason     string         `json:"cancel_reason,omitempty" doc:"From the cancellation."`
	SequenceNumber   int64          `json:"sequence_number" minimum:"1" example:"1" doc:"Number of the order's last event; also its ETag."`
	CreatedAt        string         `json:"created_at" format:"date-time" example:"2026-03-01T12:00:00.000Z" doc:"When the order was created."`
	UpdatedAt        string         `json:"updated_at" format:"date-time" example:"2026-03-01T12:00:00.000Z" doc:"When its last event happened."`
}

type summaryDocument struct {
	_ struct{} `additionalProperties:"true"`

	OrderID        uuid.UUID     `json:"order_id" format:"uuid" doc:"The order."`
	CustomerID     string        `json:"customer_id" example:"ann" doc:"Who ordered."`
	Status         string        `json:"status" enum:"ACTIVE,CONFIRMED,SHIPPED,DELIVERED,CANCELLED" doc:"Where the order stands."`
	Currency       string        `json:"currency" example:"EUR" doc:"ISO 4217 code."`
	Total          *int64        `json:"total,omitempty" example:"2500" doc:"Sum over the lines, in minor units of the currency; absent in a list by sku."`
	Line           *lineDocument `json:"line,omitempty" doc:"The line with the article asked for; only in a list by sku."`
	SequenceNumber int64         `json:"sequence_number" minimum:"1" example:"1" doc:"Number of the last event that this entry knows of."`
	CreatedAt      string        `json:"created_at" format:"date-time" example:"2026-03-01T12:00:00.000Z" doc:"When the order was created."`
	UpdatedAt      string        `json:"updated_at,omitempty" format:"date-time" example:"2026-03-01T12:00:00.000Z" doc:"When its last event happened; absent in a list by sku."`
}

type listDocument struct {
	_ struct{} `additionalProperties:"true"`

	Orders     []summaryDocument `json:"orders" nullable:"false" doc:"Newest first."`
	NextCursor string            `json:"next_cursor,omitempty" doc:"Pass it as cursor for the next page; absent on the last one."`
}

// timeLayout is RFC 3339 with milliseconds, the precision that is stored.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

func timestamp(t time.Time) string { return t.UTC().Format(timeLayout) }

// documents turns what the ports return into documents.
type documents struct {
	codec     ports.Codec[any]
	readModel *projection.Table
}

func (d documents) events(envelopes []projection.Event) ([]eventDocument, error) {
	events := make([]eventDocument, 0, len(envelopes))
	for _, e := range envelopes {
		record, err := d.codec.Encode(e)
		if err != nil {
			return nil, fmt.Errorf("render event %s: %w", e.EventID, err)
		}
		metadata := record.Metadata
		if metadata == nil {
			metadata = map[string]string{}
		}
		events = append(events, eventDocument{
			EventID: record.EventID, SequenceNumber: record.SequenceNumber,
			EventType: record.EventType, EventVersion: record.EventVersion,
			CommandID: record.CommandID, CorrelationID: record.CorrelationID, CausationID: record.CausationID,
			Metadata: metadata, CreatedAt: timestamp(record.CreatedAt), Data: record.Payload,
		})
	}
	return events, nil
}

// order renders a row of order_read_model.
func (d documents) order(row projection.Row) (orderDocument, error) {
	v, err := valuesOf(d.readModel, row)
	if err != nil {
		return orderDocument{}, err
	}
	document := orderDocument{
		OrderID: v.uuid("order_id"), CustomerID: v.text("customer_id"), Status: v.text("status"), Currency: v.text("currency"),
		Total: v.number("total"), Items: []lineDocument{}, PaymentReference: v.text("payment_reference"),
		Carrier: v.text("carrier"), TrackingNumber: v.text("tracking_number"), CancelReason: v.text("cancel_reason"),
		SequenceNumber: v.number("sequence_number"), CreatedAt: v.time("created_at"), UpdatedAt: v.time("updated_at"),
	}
	if err := json.Unmarshal([]byte(v.text("items")), &document.Items); err != nil {
		return orderDocument{}, fmt.Errorf("items of order %s: %w: %w", document.OrderID, ports.ErrCorrupt, err)
	}
	return document, nil
}

// summary renders a row of a list, whichever columns its table has.
func summary(table *projection.Table, row projection.Row) (summaryDocument, error) {
	v, err := valuesOf(table, row)
	if err != nil {
		return summaryDocument{}, err
	}
	document := summaryDocument{
		OrderID: v.uuid("order_id"), CustomerID: v.text("customer_id"), Status: v.text("status"), Currency: v.text("currency"),
		SequenceNumber: v.number("sequence_number"), CreatedAt: v.time("created_at"),
	}
	if table.Name == listBySKU {
		document.Line = &lineDocument{SKU: v.text("sku"), Quantity: v.number("quantity"), UnitPrice: v.number("unit_price")}
		return document, nil
	}
	total := v.number("total")
	document.Total, document.UpdatedAt = &total, v.time("updated_at")
	return document, nil
}

// values reads a row that is known to fit its table.
type values struct {
	table *projection.Table
	row   projection.Row
}

func valuesOf(table *projection.Table, row projection.Row) (values, error) {
	if err := table.CheckRow(row); err != nil {
		return values{}, fmt.Errorf("%w: %w", ports.ErrCorrupt, err)
	}
	return values{table, row}, nil
}

func (v values) text(column string) string    { return v.table.Get(v.row, column).(string) }
func (v values) number(column string) int64   { return v.table.Get(v.row, column).(int64) }
func (v values) uuid(column string) uuid.UUID { return v.table.Get(v.row, column).(uuid.UUID) }
func (v values) time(column string) string    { return timestamp(v.table.Get(v.row, column).(time.Time)) }
