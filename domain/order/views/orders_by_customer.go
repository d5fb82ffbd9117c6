package views

import (
	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/domain/projection"
)

// OrdersByCustomer lists the orders of each customer, newest first.
func OrdersByCustomer() *projection.Projection {
	return projection.Define(projection.Definition[summary, order.Event]{
		Name: "orders-by-customer", Version: 1, Types: ofOrders(), Layout: summaryLayout(),
		Reduce: reduceSummary,
		Table: &projection.Table{
			Name:  "orders_by_customer",
			Owner: orderID,
			Columns: []projection.Column{
				{Name: "customer_id", Kind: projection.Text, Role: projection.Partition},
				{Name: "created_at", Kind: projection.Timestamp, Role: projection.Clustering, Descending: true},
				{Name: orderID, Kind: projection.UUID, Role: projection.Clustering},
				{Name: "status", Kind: projection.Text, Role: projection.Regular},
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
			return []projection.Row{
				{s.CustomerID, s.CreatedAt, s.OrderID, s.Status, s.Currency, s.Total, s.SequenceNumber, s.UpdatedAt},
			}
		},
	})
}
