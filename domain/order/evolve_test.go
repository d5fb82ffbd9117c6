package order_test

import (
	"cmp"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"orderflow/domain/order"
)

func TestEvolve_OneLife(t *testing.T) {
	t.Parallel()
	want := order.Order{
		Status: order.Delivered, CustomerID: "ada", Currency: "EUR", Items: pens(),
		PaymentReference: "pay-1", Carrier: "DHL", TrackingNumber: "JD01",
	}
	got := after(
		created(), order.OrderItemsUpdated{Items: pens()}, order.OrderConfirmed{PaymentReference: "pay-1"},
		shipped(), order.OrderDelivered{},
	)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}

func TestEvolve_EachEventLeadsToItsStatus(t *testing.T) {
	t.Parallel()
	for status, history := range map[order.Status][]order.Event{
		"": noOrder(), order.Active: activeOrder(), order.Confirmed: confirmedOrder(),
		order.Shipped: shippedOrder(), order.Delivered: deliveredOrder(), order.Cancelled: cancelledOrder(),
	} {
		if got := after(history...).Status; got != status {
			t.Errorf("after %d events: got %q, want %q", len(history), got, status)
		}
	}
}

// An old order can be loaded although today's rules would refuse its events.
func TestEvolve_AcceptsFactsThatNoCommandCouldCauseToday(t *testing.T) {
	t.Parallel()
	got := after(order.OrderCreated{CustomerID: "", Currency: "DEM", Items: []order.Item{line("A B", 0, -1), line("A B", 0, -1)}})
	want := order.Order{Status: order.Active, Currency: "DEM", Items: []order.Item{line("A B", 0, -1), line("A B", 0, -1)}}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}

// anyEvent draws events and ignores the rules. Sometimes it draws one that is not an event of an
// order.
func anyEvent() *rapid.Generator[order.Event] {
	text := rapid.String()
	items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) order.Item {
		return line(text.Draw(t, "sku"), rapid.Int64().Draw(t, "quantity"), order.Money(rapid.Int64().Draw(t, "unit price")))
	}), 0, 3)
	return rapid.Custom(func(t *rapid.T) order.Event {
		switch rapid.IntRange(0, 7).Draw(t, "event") {
		case 0:
			return order.OrderCreated{CustomerID: text.Draw(t, "customer"), Currency: order.Currency(text.Draw(t, "currency")), Items: items.Draw(t, "items")}
		case 1:
			return order.OrderItemsUpdated{Items: items.Draw(t, "items")}
		case 2:
			return order.OrderConfirmed{PaymentReference: text.Draw(t, "reference")}
		case 3:
			return order.OrderShipped{Carrier: text.Draw(t, "carrier"), TrackingNumber: text.Draw(t, "number")}
		case 4:
			return order.OrderDelivered{}
		case 5:
			return order.OrderCancelled{Reason: text.Draw(t, "reason")}
		case 6:
			return (*order.OrderCreated)(nil)
		default:
			return nil
		}
	})
}

// After any events, in any order, each field has the value of the last event that sets it.
func TestEvolve_PropIsTotal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(anyEvent(), 0, 20).Draw(t, "events")

		var want order.Order
		if e, ok := last[order.OrderCreated](events); ok {
			want.CustomerID, want.Currency = e.CustomerID, e.Currency
		}
		if e, ok := last[order.OrderConfirmed](events); ok {
			want.PaymentReference = e.PaymentReference
		}
		if e, ok := last[order.OrderShipped](events); ok {
			want.Carrier, want.TrackingNumber = e.Carrier, e.TrackingNumber
		}
		if e, ok := last[order.OrderCancelled](events); ok {
			want.CancelReason = e.Reason
		}
		for _, e := range events {
			switch e := e.(type) {
			case order.OrderCreated:
				want.Items = e.Items
			case order.OrderItemsUpdated:
				want.Items = e.Items
			}
			want.Status = cmp.Or(statusAfter(e), want.Status)
		}

		if diff := gocmp.Diff(want, after(events...)); diff != "" {
			t.Fatalf("state (-want +got):\n%s", diff)
		}
	})
}

// last returns the last event of type E.
func last[E order.Event](events []order.Event) (found E, ok bool) {
	for _, e := range events {
		if e, is := e.(E); is {
			found, ok = e, true
		}
	}
	return found, ok
}

// statusAfter returns the status that e sets. It is empty for an event that does not change the
// status.
func statusAfter(e order.Event) order.Status {
	switch e.(type) {
	case order.OrderCreated:
		return order.Active
	case order.OrderConfirmed:
		return order.Confirmed
	case order.OrderShipped:
		return order.Shipped
	case order.OrderDelivered:
		return order.Delivered
	case order.OrderCancelled:
		return order.Cancelled
	default:
		return ""
	}
}
