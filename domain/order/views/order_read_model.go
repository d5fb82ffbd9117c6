package views

import (
	"encoding/json"

	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/domain/projection"
)

// OrderReadModel holds one row for each order, with all its data.
func OrderReadModel() *projection.Projection {
	return projection.New("order-read-model", 1, ofOrders(), &projection.Table{
		Name:  "order_read_model",
		Owner: orderID,
		Columns: []projection.Column{
			{Name: orderID, Kind: projection.UUID, Role: projection.Partition},
			{Name: "customer_id", Kind: projection.Text, Role: projection.Regular},
			{Name: "status", Kind: projection.Text, Role: projection.Regular},
			{Name: "currency", Kind: projection.Text, Role: projection.Regular},
			{Name: "total", Kind: projection.BigInt, Role: projection.Regular},
			// JSON list of {"sku","quantity","unit_price"}
			{Name: "items", Kind: projection.Text, Role: projection.Regular},
			{Name: "payment_reference", Kind: projection.Text, Role: projection.Regular},
			{Name: "carrier", Kind: projection.Text, Role: projection.Regular},
			{Name: "tracking_number", Kind: projection.Text, Role: projection.Regular},
			{Name: "cancel_reason", Kind: projection.Text, Role: projection.Regular},
			{Name: "sequence_number", Kind: projection.BigInt, Role: projection.Regular},
			{Name: "created_at", Kind: projection.Timestamp, Role: projection.Regular},
			{Name: "updated_at", Kind: projection.Timestamp, Role: projection.Regular},
		},
	}, func(s document, e Event) document {
		s.lines = reduceLines(s.lines, e)
		switch event := e.Event.(type) {
		case order.OrderConfirmed:
			s.PaymentReference = event.PaymentReference
		case order.OrderShipped:
			s.Carrier, s.TrackingNumber = event.Carrier, event.TrackingNumber
		case order.OrderCancelled:
			s.CancelReason = event.Reason
		}
		return s
	}, func(s document) []projection.Row {
		if s.OrderID == uuid.Nil {
			return nil
		}
		items, _ := json.Marshal(s.Items) // strings and numbers always marshal
		return []projection.Row{{
			s.OrderID, s.CustomerID, s.Status, s.Currency, s.Total, string(items), s.PaymentReference,
			s.Carrier, s.TrackingNumber, s.CancelReason, s.SequenceNumber, s.CreatedAt, s.UpdatedAt,
		}}
	})
}

// document is the state of order-read-model.
type document struct {
	lines
	PaymentReference string `json:"payment_reference,omitempty"`
	Carrier          string `json:"carrier,omitempty"`
	TrackingNumber   string `json:"tracking_number,omitempty"`
	CancelReason     string `json:"cancel_reason,omitempty"`
}
