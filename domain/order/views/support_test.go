package views_test

import (
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/domain/order"
	"orderflow/domain/projection"
)

var orderID = eventtest.ID(1)

func history(events ...any) []projection.Event {
	return eventtest.History(order.Type, orderID, events...)
}

// oneOfEach returns an event of each type.
func oneOfEach() []any {
	return []any{
		order.OrderCreated{CustomerID: "eve", Currency: "USD", Items: []order.Item{{SKU: "P", Quantity: 1, UnitPrice: 1}}},
		order.OrderItemsUpdated{Items: []order.Item{{SKU: "Q", Quantity: 1, UnitPrice: 1}}},
		order.OrderConfirmed{PaymentReference: "p"},
		order.OrderShipped{Carrier: "c", TrackingNumber: "n"},
		order.OrderDelivered{},
		order.OrderCancelled{Reason: "r"},
	}
}

// A whole life in which one line is removed, one stays and one is added, and a short life.
func delivered() []projection.Event {
	return history(
		order.OrderCreated{CustomerID: "ada", Currency: "EUR", Items: []order.Item{
			{SKU: "BOOK-1", Quantity: 2, UnitPrice: 1250},
			{SKU: "BOOK-2", Quantity: 1, UnitPrice: 3999},
		}},
		order.OrderItemsUpdated{Items: []order.Item{
			{SKU: "BOOK-2", Quantity: 3, UnitPrice: 3999},
			{SKU: "PEN-1", Quantity: 10, UnitPrice: 99},
		}},
		order.OrderConfirmed{PaymentReference: "pay-1"},
		order.OrderShipped{Carrier: "DHL", TrackingNumber: "JD01"},
		order.OrderDelivered{},
	)
}

func cancelled() []projection.Event {
	return history(
		order.OrderCreated{CustomerID: "bob", Currency: "JPY", Items: []order.Item{{SKU: "BOOK-1", Quantity: 1, UnitPrice: 2000}}},
		order.OrderCancelled{Reason: "changed my mind"},
	)
}

// fold advances p over a whole history.
func fold(t rapid.TB, p *projection.Projection, events []projection.Event) projection.Step {
	t.Helper()
	step, err := p.Advance(nil, events)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// render returns the columns of row, or of its leading part, as text.
func render(table *projection.Table, row projection.Row) string {
	var b strings.Builder
	for i, value := range row {
		if at, ok := value.(time.Time); ok {
			value = at.Format(time.RFC3339Nano)
		}
		fmt.Fprintf(&b, " %s=%v", table.Columns[i].Name, value)
	}
	return strings.TrimPrefix(b.String(), " ")
}

// anyHistory draws either events that commands can cause, or any events. Reducers accept both.
func anyHistory() *rapid.Generator[[]projection.Event] {
	return rapid.Custom(func(t *rapid.T) []projection.Event {
		var events []order.Event
		if rapid.Bool().Draw(t, "lawful") {
			events = lawfulEvents(t)
		} else {
			events = rapid.SliceOfN(anyEvent(), 0, 10).Draw(t, "events")
		}
		numbered := eventtest.HistoryOf(order.Type, orderID, events)
		at := eventtest.Noon
		for i := range numbered {
			at = at.Add(time.Duration(rapid.Int64Range(0, 50*3600_000).Draw(t, "pause")) * time.Millisecond)
			numbered[i].CreatedAt = at
		}
		return numbered
	})
}

func lawfulEvents(t *rapid.T) []order.Event {
	var (
		state  order.Order
		events []order.Event
	)
	for _, c := range rapid.SliceOfN(anyCommand(), 0, 15).Draw(t, "commands") {
		caused, err := order.Decide(state, c)
		if err != nil {
			continue
		}
		for _, e := range caused {
			state = order.Evolve(state, e)
		}
		events = append(events, caused...)
	}
	return events
}

func anyCommand() *rapid.Generator[order.Command] {
	text := rapid.SampledFrom([]string{"a", "b"})
	return rapid.Custom(func(t *rapid.T) order.Command {
		switch rapid.IntRange(0, 8).Draw(t, "command") {
		case 0, 1:
			return order.CreateOrder{OrderID: orderID, CustomerID: text.Draw(t, "customer"), Currency: "EUR", Items: someItems(t, 1)}
		case 2, 3, 4:
			return order.UpdateItems{OrderID: orderID, Items: someItems(t, 1)}
		case 5:
			return order.ConfirmOrder{OrderID: orderID, PaymentReference: text.Draw(t, "reference")}
		case 6:
			return order.ShipOrder{OrderID: orderID, Carrier: text.Draw(t, "carrier"), TrackingNumber: text.Draw(t, "number")}
		case 7:
			return order.DeliverOrder{OrderID: orderID}
		default:
			return order.CancelOrder{OrderID: orderID, Reason: text.Draw(t, "reason")}
		}
	})
}

// anyEvent draws events and ignores the rules: second creations, articles on two lines, totals that
// overflow, and sometimes one that is not an event of an order. Texts are valid UTF-8, as in every
// decoded event.
func anyEvent() *rapid.Generator[order.Event] {
	text := rapid.OneOf(rapid.SampledFrom([]string{"a", "b", `"`, ",", "<"}), rapid.String())
	return rapid.Custom(func(t *rapid.T) order.Event {
		switch rapid.IntRange(0, 8).Draw(t, "event") {
		case 0, 1:
			return order.OrderCreated{CustomerID: text.Draw(t, "customer"), Currency: order.Currency(text.Draw(t, "currency")), Items: someItems(t, 0)}
		case 2, 3:
			return order.OrderItemsUpdated{Items: someItems(t, 0)}
		case 4:
			return order.OrderConfirmed{PaymentReference: text.Draw(t, "reference")}
		case 5:
			return order.OrderShipped{Carrier: text.Draw(t, "carrier"), TrackingNumber: text.Draw(t, "number")}
		case 6:
			return order.OrderDelivered{}
		case 7:
			return order.OrderCancelled{Reason: text.Draw(t, "reason")}
		default:
			return nil
		}
	})
}

func someItems(t *rapid.T, least int) []order.Item {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) order.Item {
		return order.Item{
			SKU:       rapid.SampledFrom([]string{"P", "Q", "R"}).Draw(t, "sku"),
			Quantity:  rapid.OneOf(rapid.Int64Range(1, 3), rapid.Int64()).Draw(t, "quantity"),
			UnitPrice: order.Money(rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64()).Draw(t, "unit price")),
		}
	}), least, 3).Draw(t, "items")
}
