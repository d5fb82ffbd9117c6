package views_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/domain/order"
	"orderflow/domain/projection"
	"orderflow/tests/otherdomain/stock"
	"orderflow/tests/otherdomain/stock/views"
)

var (
	pens, inks     = eventtest.ID(1), eventtest.ID(2)
	orderA, orderB = eventtest.ID(3), eventtest.ID(4)
	lost           = order.OrderCancelled{Reason: "lost"}
)

func at(n int) time.Time { return eventtest.Noon.Add(time.Duration(n) * eventtest.Step) }

// samples are events of each type.
func samples() []any {
	other := eventtest.ID(9)
	return []any{
		stock.Received{SKU: "CAP-1", Quantity: 1, Reference: "r"},
		stock.Reserved{OrderID: other, Quantity: 1},
		stock.Released{OrderID: other},
		stock.Released{OrderID: orderA},
		order.OrderCreated{Items: []order.Item{{SKU: "CAP-1", Quantity: 1}, {SKU: "CAP-1", Quantity: 2}}},
		order.OrderItemsUpdated{},
		order.OrderConfirmed{},
		order.OrderShipped{},
		order.OrderDelivered{},
		lost,
	}
}

func item(id uuid.UUID, events ...any) []projection.Event {
	return eventtest.History(stock.Type, id, events...)
}

// twoItems have reservations that come, stay and go.
func twoItems() [][]projection.Event {
	return [][]projection.Event{
		item(
			pens, stock.Received{SKU: "PEN-1", Quantity: 10, Reference: "r"}, stock.Reserved{OrderID: orderA, Quantity: 4},
			stock.Reserved{OrderID: orderB, Quantity: 6}, stock.Released{OrderID: orderA},
			stock.Received{SKU: "PEN-1", Quantity: 5, Reference: "r"},
		),
		item(inks, stock.Received{SKU: "INK-1", Quantity: 3, Reference: "r"}, stock.Reserved{OrderID: orderB, Quantity: 1}),
	}
}

func TestStockLevels(t *testing.T) {
	t.Parallel()
	p := eventtest.Project(t, views.StockLevels(), samples()...)
	p.Given().ThenNothing()
	p.Given(twoItems()...).Then(
		projection.Row{pens, "PEN-1", int64(15), int64(6), int64(9), int64(5), at(4)},
		projection.Row{inks, "INK-1", int64(3), int64(1), int64(2), int64(2), at(1)},
	)
}

func TestReservationsBySKU(t *testing.T) {
	t.Parallel()
	p := eventtest.Project(t, views.ReservationsBySKU(), samples()...)
	p.Given(twoItems()[0][:1]).ThenNothing()
	p.Given(twoItems()[0][:3]).Then(
		projection.Row{"PEN-1", at(1), pens, orderA, int64(4)},
		projection.Row{"PEN-1", at(2), pens, orderB, int64(6)},
	)
	p.Given(twoItems()...).Then(
		projection.Row{"PEN-1", at(2), pens, orderB, int64(6)},
		projection.Row{"INK-1", at(1), inks, orderB, int64(1)},
	)
}

// Each aggregate contributes rows of its own, so the order in which those of two aggregates come
// does not matter.
func TestReservedByOrder(t *testing.T) {
	t.Parallel()
	wants := order.OrderCreated{CustomerID: "c", Currency: "EUR", Items: []order.Item{
		{SKU: "PEN-1", Quantity: 6}, {SKU: "CAP-1", Quantity: 1},
	}}
	less := order.OrderItemsUpdated{Items: []order.Item{{SKU: "PEN-1", Quantity: 6}}}
	p := eventtest.Project(t, views.ReservedByOrder(), samples()...)
	ofB, ofA := eventtest.History(order.Type, orderB, wants, less), eventtest.History(order.Type, orderA, wants, lost)
	p.Given(append(twoItems(), ofB, ofA)...).Then(
		projection.Row{orderB, "PEN-1", orderB, int64(6), int64(0)},
		projection.Row{orderB, "PEN-1", pens, int64(0), int64(6)},
		projection.Row{orderB, "INK-1", inks, int64(0), int64(1)},
	)
}

func TestFulfilled_PutsTheRowsOfAnOrderTogether(t *testing.T) {
	t.Parallel()
	got := views.Fulfilled([]projection.Row{
		{orderB, "INK-1", inks, int64(0), int64(1)},
		{orderB, "PEN-1", pens, int64(0), int64(2)},
		{orderB, "PEN-1", orderB, int64(6), int64(0)},
		{orderB, "PEN-1", eventtest.ID(8), int64(0), int64(3)},
	})
	want := []views.Fulfilment{{SKU: "INK-1", Reserved: 1}, {SKU: "PEN-1", Wanted: 6, Reserved: 5}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if none := views.Fulfilled(nil); len(none) != 0 {
		t.Errorf("of no rows: %v", none)
	}
}

func TestAll_IsRight(t *testing.T) {
	t.Parallel()
	var names []string
	for _, p := range views.All() {
		names = append(names, p.Name)
		if err := p.Table.Check(); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{"stock-levels", "reservations-by-sku", "reserved-by-order"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
