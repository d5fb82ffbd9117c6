package views

import (
	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/domain/projection"
)

// OrdersBySKU lists the orders that contain an article, newest first. It has one row for each line
// of an order. It was added after the others: this file and one line in [All] were enough.
func OrdersBySKU() *projection.Projection {
	return projection.Define(projection.Definition[lines, order.Event]{
		Name: "orders-by-sku", Version: 1, Types: ofOrders(), Layout: linesLayout(),
		Reduce: reduceLines,
		Table: &projection.Table{
			Name:  "orders_by_sku",
			Owner: orderID,
			Columns: []projection.Column{
				{Name: "sku", Kind: projection.Text, Role: projection.Partition},
				{Name: "bucket", Kind: projection.Text, Role: projection.Bucket},
				{Name: "created_at", Kind: projection.Timestamp, Role: projection.Clustering, Descending: true},
				{Name: orderID, Kind: projection.UUID, Role: projection.Clustering},
				{Name: "customer_id", Kind: projection.Text, Role: projection.Regular},
				{Name: "status", Kind: projection.Text, Role: projection.Regular},
				{Name: "quantity", Kind: projection.BigInt, Role: projection.Regular},
				{Name: "unit_price", Kind: projection.BigInt, Role: projection.Regular},
				{Name: "currency", Kind: projection.Text, Role: projection.Regular},
				{Name: "sequence_number", Kind: projection.BigInt, Role: projection.Regular},
			},
		},
		Rows: func(s lines) []projection.Row {
			if s.OrderID == uuid.Nil {
				return nil
			}
			// all rows share the values that are not of the item
			bucket, created, id := any(projection.DayBucket(s.CreatedAt)), any(s.CreatedAt), any(s.OrderID)
			customer, status, currency, sequence := any(s.CustomerID), any(s.Status), any(s.Currency), any(s.SequenceNumber)
			rows := make([]projection.Row, 0, len(s.Items))
			for _, item := range firstLines(s.Items) {
				rows = append(rows, projection.Row{
					item.SKU, bucket, created, id, customer, status, item.Quantity, item.UnitPrice, currency, sequence,
				})
			}
			return rows
		},
	})
}
