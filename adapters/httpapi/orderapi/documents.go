package orderapi

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/aggregateapi"
	"orderflow/adapters/httpapi/endpoint"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// The documents of the answers. The tags are their schema in the OpenAPI document as well. Answers
// may get more members in future versions, which is why additionalProperties is true.

type lineDocument struct {
	_ struct{} `additionalProperties:"true"`

	SKU       string `json:"sku" example:"A-1" doc:"The article."`
	Quantity  int64  `json:"quantity" example:"2" doc:"How many."`
	UnitPrice int64  `json:"unit_price" example:"1250" doc:"Price of one, in minor units of the currency."`
}

type orderDocument struct {
	_ struct{} `additionalProperties:"true"`

	OrderID          uuid.UUID      `json:"order_id" format:"uuid" doc:"The order."`
	CustomerID       string         `json:"customer_id" example:"ann" doc:"The customer."`
	Status           string         `json:"status" doc:"The status of the order."`
	Currency         string         `json:"currency" example:"EUR" doc:"ISO 4217 code."`
	Total            int64          `json:"total" example:"2500" doc:"Sum over the lines, in minor units of the currency."`
	Items            []lineDocument `json:"items" doc:"The lines."`
	PaymentReference personal       `json:"payment_reference,omitempty" doc:"From the confirmation; null after it was erased."`
	Carrier          personal       `json:"carrier,omitempty" doc:"From the shipment; null after it was erased."`
	TrackingNumber   personal       `json:"tracking_number,omitempty" doc:"From the shipment; null after it was erased."`
	CancelReason     personal       `json:"cancel_reason,omitempty" doc:"From the cancellation; null after it was erased."`
	SequenceNumber   int64          `json:"sequence_number" minimum:"1" example:"1" doc:"Number of the order's last event; also its ETag."`
	CreatedAt        string         `json:"created_at" format:"date-time" example:"2026-03-01T12:00:00.000Z" doc:"When the order was created."`
	UpdatedAt        string         `json:"updated_at" format:"date-time" example:"2026-03-01T12:00:00.000Z" doc:"When its last event happened."`
}

// personal is a text that can be erased. Then it is null.
type personal string

// MarshalJSON implements json.Marshaler.
func (p personal) MarshalJSON() ([]byte, error) {
	if p == eventsourcing.Erased {
		return []byte("null"), nil
	}
	return json.Marshal(string(p))
}

// Members implements [endpoint.Describer].
func (orderDocument) Members() map[string]endpoint.Schema {
	members := statusMember()
	for _, name := range []string{"payment_reference", "carrier", "tracking_number", "cancel_reason"} {
		members[name] = endpoint.Schema{Type: endpoint.TypeString, Nullable: true}
	}
	return members
}

// Members implements [endpoint.Describer].
func (summaryDocument) Members() map[string]endpoint.Schema { return statusMember() }

func statusMember() map[string]endpoint.Schema {
	return map[string]endpoint.Schema{"status": statusSchema()}
}

func statusSchema() endpoint.Schema {
	schema := endpoint.Schema{Type: endpoint.TypeString}
	for _, status := range order.Statuses() {
		schema.Enum = append(schema.Enum, string(status))
	}
	return schema
}

type summaryDocument struct {
	_ struct{} `additionalProperties:"true"`

	OrderID        uuid.UUID     `json:"order_id" format:"uuid" doc:"The order."`
	CustomerID     string        `json:"customer_id" example:"ann" doc:"The customer."`
	Status         string        `json:"status" doc:"The status of the order."`
	Currency       string        `json:"currency" example:"EUR" doc:"ISO 4217 code."`
	Total          *int64        `json:"total,omitempty" example:"2500" doc:"Sum over the lines, in minor units of the currency; absent in a list by sku."`
	Line           *lineDocument `json:"line,omitempty" doc:"The line with the article asked for; only in a list by sku."`
	SequenceNumber int64         `json:"sequence_number" minimum:"1" example:"1" doc:"Number of the last event that this entry knows of."`
	CreatedAt      string        `json:"created_at" format:"date-time" example:"2026-03-01T12:00:00.000Z" doc:"When the order was created."`
	UpdatedAt      string        `json:"updated_at,omitempty" format:"date-time" example:"2026-03-01T12:00:00.000Z" doc:"When its last event happened; absent in a list by sku."`
}

type listDocument struct {
	_ struct{} `additionalProperties:"true"`

	Orders     []summaryDocument `json:"orders" doc:"Newest first."`
	NextCursor string            `json:"next_cursor,omitempty" doc:"Pass it as cursor for the next page; absent on the last one."`
}

// orderOf renders a row of order_read_model, which is the table.
func orderOf(table *projection.Table, row projection.Row) (orderDocument, error) {
	v, err := aggregateapi.ValuesOf(table, row)
	if err != nil {
		return orderDocument{}, err
	}
	document := orderDocument{
		OrderID: v.UUID("order_id"), CustomerID: v.Text("customer_id"), Status: v.Text("status"),
		Currency: v.Text("currency"),
		Total:    v.Number("total"), Items: []lineDocument{}, PaymentReference: personal(v.Text("payment_reference")),
		Carrier: personal(v.Text("carrier")), TrackingNumber: personal(v.Text("tracking_number")), CancelReason: personal(v.Text("cancel_reason")),
		SequenceNumber: v.Number("sequence_number"), CreatedAt: v.Time("created_at"), UpdatedAt: v.Time("updated_at"),
	}
	if err := json.Unmarshal([]byte(v.Text("items")), &document.Items); err != nil {
		return orderDocument{}, fmt.Errorf("items of order %s: %w: %w", document.OrderID, ports.ErrCorrupt, err)
	}
	return document, nil
}

// summary renders a row of a list. The columns of the tables differ.
func summary(table *projection.Table, row projection.Row) (summaryDocument, error) {
	v, err := aggregateapi.ValuesOf(table, row)
	if err != nil {
		return summaryDocument{}, err
	}
	document := summaryDocument{
		OrderID: v.UUID("order_id"), CustomerID: v.Text("customer_id"), Status: v.Text("status"),
		Currency:       v.Text("currency"),
		SequenceNumber: v.Number("sequence_number"), CreatedAt: v.Time("created_at"),
	}
	if table.Name == listBySKU {
		document.Line = &lineDocument{SKU: v.Text("sku"), Quantity: v.Number("quantity"), UnitPrice: v.Number("unit_price")}
		return document, nil
	}
	total := v.Number("total")
	document.Total, document.UpdatedAt = &total, v.Time("updated_at")
	return document, nil
}
