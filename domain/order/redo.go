package order

import "github.com/google/uuid"

// CommandOf returns the command that caused events. It is the inverse of Decider.Decide, as far as
// there is one: the events of one command say everything that the command said, without lines that
// had no effect. It returns false for events that no command of this package causes together.
func CommandOf(id uuid.UUID, events []Event) (Command, bool) {
	if len(events) != 1 {
		return nil, false
	}
	switch e := events[0].(type) {
	case OrderCreated:
		return CreateOrder{OrderID: id, CustomerID: e.CustomerID, Currency: e.Currency, Items: e.Items}, true
	case OrderItemsUpdated:
		return UpdateItems{OrderID: id, Items: e.Items}, true
	case OrderConfirmed:
		return ConfirmOrder{OrderID: id, PaymentReference: e.PaymentReference}, true
	case OrderShipped:
		return ShipOrder{OrderID: id, Carrier: e.Carrier, TrackingNumber: e.TrackingNumber}, true
	case OrderDelivered:
		return DeliverOrder{OrderID: id}, true
	case OrderCancelled:
		return CancelOrder{OrderID: id, Reason: e.Reason}, true
	default:
		return nil, false
	}
}
