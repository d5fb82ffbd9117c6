package projection

import "github.com/google/uuid"

// OrdersBySKU lists the orders that contain an article, newest first: one row a line, so many rows an order. It was added
// after the others, and this file and one line in [All] are all it took.
func OrdersBySKU() *Projection {
	return New("orders-by-sku", 1, &Table{
		Name: "orders_by_sku",
		Columns: []Column{
			{Name: "sku", Kind: Text, Role: Partition},
			{Name: "bucket", Kind: Text, Role: Bucket},
			{Name: "created_at", Kind: Timestamp, Role: Clustering, Descending: true},
			{Name: "order_id", Kind: UUID, Role: Clustering},
			{Name: "customer_id", Kind: Text, Role: Regular},
			{Name: "status", Kind: Text, Role: Regular},
			{Name: "quantity", Kind: BigInt, Role: Regular},
			{Name: "unit_price", Kind: BigInt, Role: Regular},
			{Name: "currency", Kind: Text, Role: Regular},
			{Name: "sequence_number", Kind: BigInt, Role: Regular},
		},
	}, reduceLines, func(s lines) []Row {
		if s.OrderID == uuid.Nil {
			return nil
		}
		rows := make([]Row, 0, len(s.Items))
		seen := make(map[string]bool, len(s.Items))
		for _, item := range s.Items {
			// No command puts an article on two lines, but a fact cannot be refused and two rows cannot share a key: the first
			// line stands.
			if seen[item.SKU] {
				continue
			}
			seen[item.SKU] = true
			rows = append(rows, Row{
				item.SKU, DayBucket(s.CreatedAt), s.CreatedAt, s.OrderID,
				s.CustomerID, s.Status, item.Quantity, item.UnitPrice, s.Currency, s.SequenceNumber,
			})
		}
		return rows
	})
}
