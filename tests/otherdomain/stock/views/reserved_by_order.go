package views

import (
	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/domain/projection"
	"orderflow/tests/otherdomain/stock"
)

// ReservedByOrder is a read model over two aggregate types: for each order, what it wants of each
// article, and what is reserved for it.
//
// # What a view over several types can do
//
// A projection may take several aggregate types, and its table is the union of the rows that each
// aggregate contributes. Here an order contributes a row a line, and a stock item a row a
// reservation. Rows that belong together share the leading key columns, the order and the article.
// The last key column, the owner, separates them. So no row is written by two aggregates,
// everything that holds for a projection of one type holds for this one, and one read of a
// partition returns all: [Fulfilled] combines it.
//
// # What it cannot do, and the decision
//
// There is no row that says "this order is fully reserved". Such a row would need the state of an
// order and of stock items in one reducer. Events are in order within one aggregate only. So the
// reducer would see those of two aggregates in any order, and in another order after a rebuild. Its
// result would not be a fold, and could not be verified, repaired or rebuilt. The decision is that
// a reducer sees one aggregate. What depends on several aggregates is combined by the reader, as
// here. Or a process that reacts to events with commands decides it, and the outcome is again an
// event of one aggregate.
//
// Two rows of one partition may be of different moments, as the two aggregates are: an order that
// was just cancelled may still show a reservation whose release is on its way.
func ReservedByOrder() *projection.Projection {
	return projection.Define(projection.Definition[wantedOrReserved, any]{
		Name: "reserved-by-order", Version: 1, Types: []string{order.Type, stock.Type},
		Table: &projection.Table{
			Name: "reserved_by_order", Owner: "owner_id",
			Columns: []projection.Column{
				{Name: "order_id", Kind: projection.UUID, Role: projection.Partition},
				{Name: "sku", Kind: projection.Text, Role: projection.Clustering},
				{Name: "owner_id", Kind: projection.UUID, Role: projection.Clustering},
				{Name: "wanted", Kind: projection.BigInt, Role: projection.Regular},
				{Name: "reserved", Kind: projection.BigInt, Role: projection.Regular},
			},
		},
		Reduce: func(s wantedOrReserved, e projection.Event) wantedOrReserved {
			s.Owner = e.AggregateID
			switch event := e.Event.(type) {
			case order.OrderCreated:
				s.Wanted = linesOf(event.Items)
			case order.OrderItemsUpdated:
				s.Wanted = linesOf(event.Items)
			case order.OrderCancelled:
				s.Wanted = nil
			case stock.Event:
				s.Item = reduceItem(s.Item, Event{Header: e.Header, Event: event})
			}
			return s
		},
		Rows: func(s wantedOrReserved) (rows []projection.Row) {
			for _, line := range s.Wanted {
				rows = append(rows, projection.Row{s.Owner, line.SKU, s.Owner, line.Quantity, int64(0)})
			}
			for _, r := range s.Item.Reserved {
				rows = append(rows, projection.Row{r.OrderID, s.Item.SKU, s.Owner, int64(0), r.Quantity})
			}
			return rows
		},
	})
}

// wantedOrReserved is the state of one order, or of one stock item.
type wantedOrReserved struct {
	Owner  uuid.UUID `json:"owner"`
	Wanted []line    `json:"wanted,omitempty"`
	Item   item      `json:"item"`
}

type line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// linesOf adds up by article: two lines of one article would be two rows of one key.
func linesOf(items []order.Item) (lines []line) {
	at := map[string]int{}
	for _, i := range items {
		if n, again := at[i.SKU]; again {
			lines[n].Quantity += i.Quantity
			continue
		}
		at[i.SKU] = len(lines)
		lines = append(lines, line{i.SKU, i.Quantity})
	}
	return lines
}

// Fulfilment is what an order wants of an article, and what is reserved for it.
type Fulfilment struct {
	SKU              string
	Wanted, Reserved int64
}

// Fulfilled combines the rows of one order, by article, in the order of the rows.
func Fulfilled(rows []projection.Row) (all []Fulfilment) {
	table := ReservedByOrder().Table
	for _, row := range rows {
		sku := table.Get(row, "sku").(string)
		if len(all) == 0 || all[len(all)-1].SKU != sku {
			all = append(all, Fulfilment{SKU: sku})
		}
		last := &all[len(all)-1]
		last.Wanted += table.Get(row, "wanted").(int64)
		last.Reserved += table.Get(row, "reserved").(int64)
	}
	return all
}
