package projection

import (
	"encoding/json"

	"github.com/google/uuid"

	"orderflow/domain/order"
)

// OrderReadModel holds each order whole.
func OrderReadModel() *Projection {
	return New("order-read-model", 1, &Table{
		Name: "order_read_model",
		Columns: []Column{
			{Name: "order_id", Kind: UUID, Role: Partition},
			{Name: "customer_id", Kind: Text, Role: Regular},
			{Name: "status", Kind: Text, Role: Regular},
			{Name: "currency", Kind: Text, Role: Regular},
			{Name: "total", Kind: BigInt, Role: Regular},
			{Name: "items", Kind: Text, Role: Regular}, // JSON list of {"sku","quantity","unit_price"}
			{Name: "payment_reference", Kind: Text, Role: Regular},
			{Name: "carrier", Kind: Text, Role: Regular},
			{Name: "tracking_number", Kind: Text, Role: Regular},
			{Name: "cancel_reason", Kind: Text, Role: Regular},
			{Name: "sequence_number", Kind: BigInt, Role: Regular},
			{Name: "created_at", Kind: Timestamp, Role: Regular},
			{Name: "updated_at", Kind: Timestamp, Role: Regular},
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
	}, func(s document) []Row {
		if s.OrderID == uuid.Nil {
			return nil
		}
		items, _ := json.Marshal(s.Items) // strings and numbers always marshal
		return []Row{{
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
