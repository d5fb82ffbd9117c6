package views

import (
	"encoding/json"

	"github.com/google/uuid"

	"orderflow/domain/compact"
	"orderflow/domain/order"
	"orderflow/domain/projection"
)

// OrderReadModel holds one row for each order, with all its data.
func OrderReadModel() *projection.Projection {
	return projection.Define(projection.Definition[document, order.Event]{
		Name: "order-read-model", Version: 1, Types: ofOrders(), Layout: documentLayout(),
		Table: &projection.Table{
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
		},
		Reduce: reduceDocument,
		Rows: func(s document) []projection.Row {
			if s.OrderID == uuid.Nil {
				return nil
			}
			return []projection.Row{{
				s.OrderID, s.CustomerID, s.Status, s.Currency, s.Total, s.Items, s.PaymentReference,
				s.Carrier, s.TrackingNumber, s.CancelReason, s.SequenceNumber, s.CreatedAt, s.UpdatedAt,
			}}
		},
	})
}

// document is the state of order-read-model.
type document struct {
	summary
	// Items is the text of the column. Most events do not change it.
	Items            string
	PaymentReference string
	Carrier          string
	TrackingNumber   string
	CancelReason     string
}

func reduceDocument(s document, e Event) document {
	s.summary = reduceSummary(s.summary, e)
	switch event := e.Event.(type) {
	case order.OrderCreated:
		s.Items = itemsText(event.Items)
	case order.OrderItemsUpdated:
		s.Items = itemsText(event.Items)
	case order.OrderConfirmed:
		s.PaymentReference = event.PaymentReference
	case order.OrderShipped:
		s.Carrier, s.TrackingNumber = event.Carrier, event.TrackingNumber
	case order.OrderCancelled:
		s.CancelReason = event.Reason
	}
	return s
}

func itemsText(items []order.Item) string {
	text, _ := json.Marshal(storedItems(items)) // strings and numbers always marshal
	return string(text)
}

func documentLayout() *projection.Layout[document] {
	return &projection.Layout[document]{
		Version: 1,
		Write: func(dst []byte, s document) []byte {
			dst = writeSummary(dst, s.summary)
			for _, text := range []string{s.Items, s.PaymentReference, s.Carrier, s.TrackingNumber, s.CancelReason} {
				dst = compact.AppendText(dst, text)
			}
			return dst
		},
		Read: func(r *compact.Reader) document {
			s := document{summary: readSummary(r)}
			for _, text := range []*string{&s.Items, &s.PaymentReference, &s.Carrier, &s.TrackingNumber, &s.CancelReason} {
				*text = r.Text()
			}
			return s
		},
		JSON: func(data []byte) (document, error) {
			var was struct {
				summary
				Items            json.RawMessage `json:"items"`
				PaymentReference string          `json:"payment_reference"`
				Carrier          string          `json:"carrier"`
				TrackingNumber   string          `json:"tracking_number"`
				CancelReason     string          `json:"cancel_reason"`
			}
			err := json.Unmarshal(data, &was)
			s := document{
				summary: was.summary, Items: string(was.Items), PaymentReference: was.PaymentReference, Carrier: was.Carrier,
				TrackingNumber: was.TrackingNumber, CancelReason: was.CancelReason,
			}
			if s.Items == "null" { // an order that was not created
				s.Items = ""
			}
			return s, err
		},
	}
}
