package views_test

import (
	"fmt"
	"testing"

	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
)

// BenchmarkAdvance folds one event into the state of an order, as the runtime does for each
// delivery, and a whole history at once, as a catch-up does.
func BenchmarkAdvance(b *testing.B) {
	large := order.OrderCreated{CustomerID: "ada", Currency: "EUR", Items: make([]order.Item, order.MaxItems)}
	for i := range large.Items {
		large.Items[i] = order.Item{SKU: fmt.Sprintf("A-%d", i), Quantity: 1, UnitPrice: 1}
	}
	for _, p := range views.All() {
		for _, bm := range []struct {
			name        string
			past, event []projection.Event
		}{
			{"event", delivered()[:2], delivered()[2:3]},
			{"life", nil, delivered()},
			{"event_of_1000_lines", history(large), history(large, order.OrderConfirmed{PaymentReference: "pay-1"})[1:]},
		} {
			b.Run(p.Name+"/"+bm.name, func(b *testing.B) {
				start, err := p.Advance(nil, bm.past)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := p.Advance(start.State, bm.event); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
