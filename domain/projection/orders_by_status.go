package projection

import "github.com/google/uuid"

// OrdersByStatus lists the orders in each status, newest first. Its partitions are bounded by the day of creation.
func OrdersByStatus() *Projection {
	return New("orders-by-status", 1, &Table{
		Name: "orders_by_status",
		Columns: []Column{
			{Name: "status", Kind: Text, Role: Partition},
			{Name: "bucket", Kind: Text, Role: Bucket},
			{Name: "created_at", Kind: Timestamp, Role: Clustering, Descending: true},
			{Name: "order_id", Kind: UUID, Role: Clustering},
			{Name: "customer_id", Kind: Text, Role: Regular},
			{Name: "currency", Kind: Text, Role: Regular},
			{Name: "total", Kind: BigInt, Role: Regular},
			{Name: "sequence_number", Kind: BigInt, Role: Regular},
			{Name: "updated_at", Kind: Timestamp, Role: Regular},
		},
	}, reduceSummary, func(s summary) []Row {
		if s.OrderID == uuid.Nil {
			return nil
		}
		return []Row{{s.Status, DayBucket(s.CreatedAt), s.CreatedAt, s.OrderID, s.CustomerID, s.Currency, s.Total, s.SequenceNumber, s.UpdatedAt}}
	})
}
