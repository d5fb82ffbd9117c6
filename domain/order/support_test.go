package order_test

import (
	"errors"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
)

// orderID is the order of all examples.
var orderID = uuid.MustParse("018f4e9a-0000-7000-8000-000000000001")

// The contents of the orders below. They are functions, so that no test can change what another one
// sees.
func books() []order.Item {
	return []order.Item{
		{SKU: "BOOK-1", Quantity: 2, UnitPrice: 1250},
		{SKU: "BOOK-2", Quantity: 1, UnitPrice: 3999},
	}
}

func pens() []order.Item { return []order.Item{{SKU: "PEN-1", Quantity: 10, UnitPrice: 99}} }

func created() order.OrderCreated {
	return order.OrderCreated{CustomerID: "ada", Currency: "EUR", Items: books()}
}

// The histories that lead to each status.
func noOrder() []order.Event     { return nil }
func activeOrder() []order.Event { return []order.Event{created()} }
func changedOrder() []order.Event {
	return append(activeOrder(), order.OrderItemsUpdated{Items: pens()})
}

func confirmedOrder() []order.Event {
	return append(activeOrder(), order.OrderConfirmed{PaymentReference: "pay-1"})
}
func shippedOrder() []order.Event   { return append(confirmedOrder(), shipped()) }
func deliveredOrder() []order.Event { return append(shippedOrder(), order.OrderDelivered{}) }
func cancelledOrder() []order.Event {
	return append(activeOrder(), order.OrderCancelled{Reason: "changed my mind"})
}

func shipped() order.OrderShipped    { return order.OrderShipped{Carrier: "DHL", TrackingNumber: "JD01"} }
func createBooks() order.CreateOrder { return create("ada", "EUR", books()) }

func create(customerID string, currency order.Currency, items []order.Item) order.CreateOrder {
	return order.CreateOrder{OrderID: orderID, CustomerID: customerID, Currency: currency, Items: items}
}

// after returns the state after events.
func after(events ...order.Event) order.Order {
	history := make([]eventsourcing.Envelope[order.Event], len(events))
	for i, e := range events {
		history[i].Event = e
	}
	return eventsourcing.Fold(order.Decider().Initial, order.Evolve, history)
}

// refusal returns err as a *RuleError. Every refusal is one.
func refusal(t rapid.TB, err error) *order.RuleError {
	t.Helper()
	var rule *order.RuleError
	if !errors.As(err, &rule) {
		t.Fatalf("got error %v, want a *order.RuleError", err)
	}
	return rule
}
