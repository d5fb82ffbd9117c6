package order

import (
	"slices"

	"orderflow/domain/eventsourcing"
)

// Type is the aggregate type of orders. It is stored with every event and never changes.
const Type = "order"

// Status is the status of an order. The zero value means that the order does not exist.
type Status string

// The statuses.
const (
	Active    Status = "ACTIVE"
	Confirmed Status = "CONFIRMED"
	Shipped   Status = "SHIPPED"
	Delivered Status = "DELIVERED"
	Cancelled Status = "CANCELLED"
)

// Statuses returns every status of an order, in the order of its life.
func Statuses() []Status { return []Status{Active, Confirmed, Shipped, Delivered, Cancelled} }

// Order is the state on which commands are decided. The zero Order does not exist yet.
type Order struct {
	Status           Status
	CustomerID       string
	Currency         Currency
	Items            []Item
	PaymentReference string
	Carrier          string
	TrackingNumber   string
	CancelReason     string
}

// Decider returns the order aggregate as a decider.
func Decider() eventsourcing.Decider[Command, Order, Event] {
	return eventsourcing.Decider[Command, Order, Event]{Decide: Decide, Evolve: Evolve}
}

// Decide returns the events that c causes in o. It returns no events when c changes nothing, and a
// *RuleError when c is refused.
func Decide(o Order, c Command) ([]Event, error) {
	if err := Check(c); err != nil {
		return nil, err
	}
	if create, ok := c.(CreateOrder); ok {
		return o.create(create)
	}
	if o.Status == "" {
		return nil, &RuleError{Code: CodeOrderNotFound, AggregateID: c.AggregateID(), Detail: "there is no such order"}
	}
	switch c := c.(type) {
	case UpdateItems:
		return o.updateItems(c)
	case ConfirmOrder:
		return o.confirm(c)
	case ShipOrder:
		return o.ship(c)
	case DeliverOrder:
		return o.deliver(c)
	case CancelOrder:
		return o.cancel(c)
	default:
		return nil, unknownCommand(c)
	}
}

func (o Order) create(c CreateOrder) ([]Event, error) {
	switch {
	case o.Status == "":
		return []Event{OrderCreated{CustomerID: c.CustomerID, Currency: c.Currency, Items: slices.Clone(c.Items)}}, nil
	case o.Status == Active && o.CustomerID == c.CustomerID && o.Currency == c.Currency && slices.Equal(o.Items, c.Items):
		return nil, nil
	default:
		return nil, &RuleError{Code: CodeOrderExists, AggregateID: c.OrderID, Detail: "an order with this id already exists"}
	}
}

func (o Order) updateItems(c UpdateItems) ([]Event, error) {
	if o.Status != Active {
		return nil, refused(CodeOrderNotActive, c, o, "items can be changed only while the order is ACTIVE")
	}
	if slices.Equal(o.Items, c.Items) {
		return nil, nil
	}
	return []Event{OrderItemsUpdated{Items: slices.Clone(c.Items)}}, nil
}

func (o Order) confirm(c ConfirmOrder) ([]Event, error) {
	switch {
	case o.Status == Active:
		return []Event{OrderConfirmed{PaymentReference: c.PaymentReference}}, nil
	case o.Status == Confirmed && o.PaymentReference == c.PaymentReference:
		return nil, nil
	default:
		return nil, refused(CodeOrderNotActive, c, o, "only an ACTIVE order can be confirmed")
	}
}

func (o Order) ship(c ShipOrder) ([]Event, error) {
	switch {
	case o.Status == Confirmed:
		return []Event{OrderShipped{Carrier: c.Carrier, TrackingNumber: c.TrackingNumber}}, nil
	case o.Status == Shipped && o.Carrier == c.Carrier && o.TrackingNumber == c.TrackingNumber:
		return nil, nil
	default:
		return nil, refused(CodeOrderNotConfirmed, c, o, "only a CONFIRMED order can be shipped")
	}
}

func (o Order) deliver(c DeliverOrder) ([]Event, error) {
	switch o.Status {
	case Shipped:
		return []Event{OrderDelivered{}}, nil
	case Delivered:
		return nil, nil
	default:
		return nil, refused(CodeOrderNotShipped, c, o, "only a SHIPPED order can be delivered")
	}
}

func (o Order) cancel(c CancelOrder) ([]Event, error) {
	switch {
	case o.Status == Active || o.Status == Confirmed:
		return []Event{OrderCancelled{Reason: c.Reason}}, nil
	case o.Status == Cancelled && o.CancelReason == c.Reason:
		return nil, nil
	default:
		return nil, refused(CodeOrderNotCancellable, c, o, "only an ACTIVE or CONFIRMED order can be cancelled")
	}
}

// Evolve returns the state after e.
func Evolve(o Order, e Event) Order {
	switch e := e.(type) {
	case OrderCreated:
		o.Status = Active
		o.CustomerID, o.Currency, o.Items = e.CustomerID, e.Currency, e.Items
	case OrderItemsUpdated:
		o.Items = e.Items
	case OrderConfirmed:
		o.Status = Confirmed
		o.PaymentReference = e.PaymentReference
	case OrderShipped:
		o.Status = Shipped
		o.Carrier, o.TrackingNumber = e.Carrier, e.TrackingNumber
	case OrderDelivered:
		o.Status = Delivered
	case OrderCancelled:
		o.Status = Cancelled
		o.CancelReason = e.Reason
	}
	return o
}
