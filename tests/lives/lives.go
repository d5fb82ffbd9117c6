// Package lives holds histories of orders with their read models, for the contract tests of
// adapters. The Views suite of ports/porttest knows no orders, but every store must be able to keep
// what the service really stores.
package lives

import (
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports/porttest"
)

// Orders returns the lives of two orders, with new ids, and all read models of orders.
func Orders() porttest.Lives {
	lives := porttest.Lives{Projections: views.All()}
	for i, events := range [][]order.Event{
		{
			order.OrderCreated{CustomerID: "customer-1", Currency: "EUR", Items: []order.Item{{SKU: "A", Quantity: 1, UnitPrice: 250}, {SKU: "B", Quantity: 2}}},
			order.OrderItemsUpdated{Items: []order.Item{{SKU: "B", Quantity: 3, UnitPrice: 5}, {SKU: "C", Quantity: 1, UnitPrice: 1}}},
			order.OrderConfirmed{PaymentReference: "payment-1"},
			order.OrderShipped{Carrier: "carrier", TrackingNumber: "1"},
			order.OrderDelivered{},
		},
		{
			order.OrderCreated{CustomerID: "customer-1", Currency: "JPY", Items: []order.Item{{SKU: "B", Quantity: 1, UnitPrice: 7}}},
			order.OrderCancelled{Reason: "changed my mind"},
		},
	} {
		lives.Histories = append(lives.Histories, history(time.Date(2024, 2, 28+i, 0, 0, 0, 0, time.UTC), events))
	}
	return lives
}

func history(at time.Time, events []order.Event) []projection.Event {
	cause := eventsourcing.Cause{AggregateType: order.Type, AggregateID: newID(), CommandID: newID(), At: at}
	return eventsourcing.UntypedAll(eventsourcing.Stamp(cause, 0, events, newID))
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
