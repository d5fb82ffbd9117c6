package views

import (
	"github.com/google/uuid"

	"orderflow/domain/projection"
)

// OrdersBySKU lists the orders that contain an article, newest first. It has one row for each line
// of an order. It was added after the others: this file and one line in [All] were enough.
func OrdersBySKU() *projection.Projection {
	return projection.New("orders-by-sku", 1, ofOrders(), &projection.Table{
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
	}, reduceLines, func(s lines) []projection.Row {
		if s.OrderID == uuid.Nil {
			return nil
		}
		rows := make([]projection.Row, 0, len(s.Items))
		seen := make(map[string]bool, len(s.Items))
		for _, item := range s.Items {
			// No command puts an article on two lines. But a reducer must accept every event, and
			// two rows cannot share a key, so the first line counts.
			if seen[item.SKU] {
				continue
			}
			seen[item.SKU] = true
			rows = append(rows, projection.Row{
				item.SKU, projection.DayBucket(s.CreatedAt), s.CreatedAt, s.OrderID,
				s.CustomerID, s.Status, item.Quantity, item.UnitPrice, s.Currency, s.SequenceNumber,
			})
		}
		return rows
	})
}
