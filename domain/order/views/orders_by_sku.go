package views

import (
	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/domain/projection"
)

// OrdersBySKU lists the orders that contain an article, newest first. It has one row for each line
// of an order. It was added after the others: this file and one line in [All] were enough.
//
// An article that is in every tenth order has 100 rows a second at 1,000 orders a second. A day and
// one of 16 shards then hold 540,000 rows (some 80 MB). A day is not shorter, because most articles
// are rare, and a list of a rare one reads one partition for each day with an order.
func OrdersBySKU() *projection.Projection {
	table := ordersBySKU()
	return projection.Define(projection.Definition[lines, order.Event]{
		Name: "orders-by-sku", Version: 2, Types: ofOrders(), Layout: linesLayout(),
		Reduce: reduceLines,
		Table:  table, Earlier: map[int]*projection.Table{1: table.LaidOut(1, projection.Day, 1)},
		Rows: func(s lines) []projection.Row {
			if s.OrderID == uuid.Nil {
				return nil
			}
			// all rows share the values that are not of the item
			created, id := any(s.CreatedAt), any(s.OrderID)
			customer, status, currency, sequence := any(s.CustomerID), any(s.Status), any(s.Currency), any(s.SequenceNumber)
			rows := make([]projection.Row, 0, len(s.Items))
			for _, item := range firstLines(s.Items) {
				rows = append(rows, projection.Row{
					item.SKU, created, id, customer, status, item.Quantity, item.UnitPrice, currency, sequence,
				})
			}
			return rows
		},
	})
}

func ordersBySKU() *projection.Table {
	return &projection.Table{
		Name: "orders_by_sku", Layout: 2, Bucket: projection.Day, Shards: 16,
		Owner: orderID,
		Columns: []projection.Column{
			{Name: "sku", Kind: projection.Text, Role: projection.Partition},
			{Name: "created_at", Kind: projection.Timestamp, Role: projection.Clustering, Descending: true},
			{Name: orderID, Kind: projection.UUID, Role: projection.Clustering},
			{Name: "customer_id", Kind: projection.Text, Role: projection.Regular},
			{Name: "status", Kind: projection.Text, Role: projection.Regular},
			{Name: "quantity", Kind: projection.BigInt, Role: projection.Regular},
			{Name: "unit_price", Kind: projection.BigInt, Role: projection.Regular},
			{Name: "currency", Kind: projection.Text, Role: projection.Regular},
			{Name: "sequence_number", Kind: projection.BigInt, Role: projection.Regular},
		},
	}
}
