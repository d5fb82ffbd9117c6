package projection

import "github.com/google/uuid"

// OrdersByCustomer lists the orders of each customer, newest first.
func OrdersByCustomer() *Projection {
	return New("orders-by-customer", 1, &Table{
		Name: "orders_by_customer",
		Columns: []Column{
			{Name: "customer_id", Kind: Text, Role: Partition},
			{Name: "created_at", Kind: Timestamp, Role: Clustering, Descending: true},
			{Name: "order_id", Kind: UUID, Role: Clustering},
			{Name: "status", Kind: Text, Role: Regular},
			{Name: "currency", Kind: Text, Role: Regular},
			{Name: "total", Kind: BigInt, Role: Regular},
			{Name: "sequence_number", Kind: BigInt, Role: Regular},
			{Name: "updated_at", Kind: Timestamp, Role: Regular},
		},
	}, reduceSummary, func(s summary) []Row {
		if s.OrderID == uuid.Nil {
			return nil
		}
		return []Row{{s.CustomerID, s.CreatedAt, s.OrderID, s.Status, s.Currency, s.Total, s.SequenceNumber, s.UpdatedAt}}
	})
}
