package views

import (
	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/domain/projection"
)

// OrdersByStatus lists the orders in each status, newest first. The day of creation bounds its
// partitions.
func OrdersByStatus() *projection.Projection {
	return projection.Define(projection.Definition[summary, order.Event]{
		Name: "orders-by-status", Version: 1, Types: ofOrders(), Layout: summaryLayout(),
		Reduce: reduceSummary,
		Table: &projection.Table{
			Name:  "orders_by_status",
			Owner: orderID,
			Columns: []projection.Column{
				{Name: "status", Kind: projection.Text, Role: projection.Partition},
				{Name: "bucket", Kind: projection.Text, Role: projection.Bucket},
				{Name: "created_at", Kind: projection.Timestamp, Role: projection.Clustering, Descending: true},
				{Name: orderID, Kind: projection.UUID, Role: projection.Clustering},
				{Name: "customer_id", Kind: projection.Text, Role: projection.Regular},
				{Name: "currency", Kind: projection.Text, Role: projection.Regular},
				{Name: "total", Kind: projection.BigInt, Role: projection.Regular},
				{Name: "sequence_number", Kind: projection.BigInt, Role: projection.Regular},
				{Name: "updated_at", Kind: projection.Timestamp, Role: projection.Regular},
			},
		},
		Rows: func(s summary) []projection.Row {
			if s.OrderID == uuid.Nil {
				return nil
			}
			return []projection.Row{{
				s.Status, projection.DayBucket(s.CreatedAt), s.CreatedAt, s.OrderID, s.CustomerID, s.Currency, s.Total,
				s.SequenceNumber, s.UpdatedAt,
			}}
		},
	})
}
