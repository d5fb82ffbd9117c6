package views

import (
	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/domain/projection"
)

// OrdersByStatus lists the orders in each status, newest first.
//
// All orders go through each status, so a status has every write of the table. 16 shards spread
// them over the servers. An hour and a shard hold 22,500 rows at 100 orders a second, and 225,000
// (some 50 MB) at 1,000. What is left of rows that have moved on is in the way of a list within
// their hour only: an hour that all orders have left is forgotten.
func OrdersByStatus() *projection.Projection {
	table := ordersByStatus()
	return projection.Define(projection.Definition[summary, order.Event]{
		Name: "orders-by-status", Version: 2, Types: ofOrders(), Layout: summaryLayout(),
		Reduce: reduceSummary,
		Table:  table, Earlier: map[int]*projection.Table{1: table.LaidOut(1, projection.Day, 1)},
		Rows: func(s summary) []projection.Row {
			if s.OrderID == uuid.Nil {
				return nil
			}
			return []projection.Row{{
				s.Status, s.CreatedAt, s.OrderID, s.CustomerID, s.Currency, s.Total, s.SequenceNumber, s.UpdatedAt,
			}}
		},
	})
}

func ordersByStatus() *projection.Table {
	return &projection.Table{
		Name: "orders_by_status", Layout: 2, Bucket: projection.Hour, Shards: 16,
		Owner: orderID,
		Columns: []projection.Column{
			{Name: "status", Kind: projection.Text, Role: projection.Partition},
			{Name: "created_at", Kind: projection.Timestamp, Role: projection.Clustering, Descending: true},
			{Name: orderID, Kind: projection.UUID, Role: projection.Clustering},
			{Name: "customer_id", Kind: projection.Text, Role: projection.Regular},
			{Name: "currency", Kind: projection.Text, Role: projection.Regular},
			{Name: "total", Kind: projection.BigInt, Role: projection.Regular},
			{Name: "sequence_number", Kind: projection.BigInt, Role: projection.Regular},
			{Name: "updated_at", Kind: projection.Timestamp, Role: projection.Regular},
		},
	}
}
