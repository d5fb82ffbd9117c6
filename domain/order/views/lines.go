package views

import (
	"slices"

	"orderflow/domain/compact"
	"orderflow/domain/order"
	"orderflow/domain/projection"
)

// lines is the state of the projections that need each item.
type lines struct {
	summary
	Items []item `json:"items"`
}

func reduceLines(s lines, e Event) lines {
	s.summary = reduceSummary(s.summary, e)
	switch event := e.Event.(type) {
	case order.OrderCreated:
		s.Items = storedItems(event.Items)
	case order.OrderItemsUpdated:
		s.Items = storedItems(event.Items)
	}
	return s
}

// item is an order line as it is stored: in states from before there were layouts, and in the items
// column of order_read_model.
type item struct {
	SKU       string `json:"sku"`
	Quantity  int64  `json:"quantity"`
	UnitPrice int64  `json:"unit_price"`
}

func storedItems(items []order.Item) []item {
	stored := make([]item, len(items))
	for i, it := range items {
		stored[i] = item{SKU: it.SKU, Quantity: it.Quantity, UnitPrice: int64(it.UnitPrice)}
	}
	return stored
}

// firstLines returns the first line of each article. No command puts an article on two lines. But a
// reducer must accept every event, and two rows cannot share a key.
func firstLines(items []item) []item {
	seen := make(map[string]bool, len(items))
	for i := range items {
		if seen[items[i].SKU] {
			return slices.DeleteFunc(slices.Clone(items), repeated())
		}
		seen[items[i].SKU] = true
	}
	return items
}

// repeated returns a function that reports whether an article was seen before.
func repeated() func(item) bool {
	seen := make(map[string]bool)
	return func(it item) bool {
		was := seen[it.SKU]
		seen[it.SKU] = true
		return was
	}
}

func linesLayout() *projection.Layout[lines] {
	return &projection.Layout[lines]{
		Version: 1,
		Write: func(dst []byte, s lines) []byte {
			dst = compact.AppendCount(writeSummary(dst, s.summary), len(s.Items))
			for _, it := range s.Items {
				dst = compact.AppendNumber(compact.AppendNumber(compact.AppendText(dst, it.SKU), it.Quantity), it.UnitPrice)
			}
			return dst
		},
		Read: func(r *compact.Reader) lines {
			s := lines{summary: readSummary(r)}
			const least = 3 // a byte for each field
			s.Items = make([]item, r.Count(least))
			for i := range s.Items {
				s.Items[i] = item{SKU: r.Text(), Quantity: r.Number(), UnitPrice: r.Number()}
			}
			return s
		},
	}
}
