package views

import (
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/tests/otherdomain/stock"
)

// Event is an event of a stock item.
type Event = eventsourcing.Envelope[stock.Event]

// StockLevels has one row a stock item: what was received, what is reserved, and what is free.
func StockLevels() *projection.Projection {
	return projection.Define(projection.Definition[item, stock.Event]{
		Name: "stock-levels", Version: 1, Types: []string{stock.Type}, Reduce: reduceItem,
		Table: &projection.Table{
			Name: "stock_levels", Owner: "item_id",
			Columns: []projection.Column{
				{Name: "item_id", Kind: projection.UUID, Role: projection.Partition},
				{Name: "sku", Kind: projection.Text, Role: projection.Regular},
				{Name: "received", Kind: projection.BigInt, Role: projection.Regular},
				{Name: "reserved", Kind: projection.BigInt, Role: projection.Regular},
				{Name: "free", Kind: projection.BigInt, Role: projection.Regular},
				{Name: "sequence_number", Kind: projection.BigInt, Role: projection.Regular},
				{Name: "updated_at", Kind: projection.Timestamp, Role: projection.Regular},
			},
		},
		Rows: func(s item) []projection.Row {
			if s.ID == uuid.Nil {
				return nil
			}
			reserved := int64(0)
			for _, r := range s.Reserved {
				reserved += r.Quantity
			}
			return []projection.Row{{s.ID, s.SKU, s.Received, reserved, s.Received - reserved, s.Sequence, s.Updated}}
		},
	})
}
