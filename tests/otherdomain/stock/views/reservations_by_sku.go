package views

import (
	"orderflow/domain/projection"
	"orderflow/tests/otherdomain/stock"
)

// ReservationsBySKU lists who has reserved an article, the newest reservation first: one row a
// reservation, so many rows an item.
func ReservationsBySKU() *projection.Projection {
	return projection.Define(projection.Definition[item, stock.Event]{
		Name: "reservations-by-sku", Version: 1, Types: []string{stock.Type}, Reduce: reduceItem,
		Table: &projection.Table{
			Name: "reservations_by_sku", Owner: "item_id", Bucket: projection.Day,
			Columns: []projection.Column{
				{Name: "sku", Kind: projection.Text, Role: projection.Partition},
				{Name: "reserved_at", Kind: projection.Timestamp, Role: projection.Clustering, Descending: true},
				{Name: "item_id", Kind: projection.UUID, Role: projection.Clustering},
				{Name: "order_id", Kind: projection.UUID, Role: projection.Clustering},
				{Name: "quantity", Kind: projection.BigInt, Role: projection.Regular},
			},
		},
		Rows: func(s item) []projection.Row {
			rows := make([]projection.Row, len(s.Reserved))
			for i, r := range s.Reserved {
				rows[i] = projection.Row{s.SKU, r.Since, s.ID, r.OrderID, r.Quantity}
			}
			return rows
		},
	})
}
