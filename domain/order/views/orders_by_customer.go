package views

import (
	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/domain/projection"
)

// OrdersByCustomer lists the orders of each customer, newest first.
//
// A month holds 2,600 rows of a customer who orders once in a quarter of an hour, and 2.6 million
// (some 400 MB) of one who orders every second. A month is not shorter, because most customers
// order seldom: a page of their orders reads one partition for each month with an order. One
// customer does not keep a server busy, so there are no shards.
func OrdersByCustomer() *projection.Projection {
	table := ordersByCustomer()
	return projection.Define(projection.Definition[summary, order.Event]{
		Name: "orders-by-customer", Version: 2, Types: ofOrders(), Layout: summaryLayout(),
		Reduce: reduceSummary,
		Table:  table, Earlier: map[int]*projection.Table{1: table.LaidOut(1, 0, 1)},
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

func ordersByCustomer() *projection.Table {
	return &projection.Table{
		Name: "orders_by_customer", Layout: 2, Bucket: projection.Month, Shards: 1,
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
	}
}
