package order

// Event is a fact about one order. The set is closed: OrderCreated, OrderItemsUpdated, OrderConfirmed, OrderShipped,
// OrderDelivered, OrderCancelled. Which order it is about, and when, is in the event's header.
type Event interface{ isOrderEvent() }

// OrderCreated is the first event of every order.
type OrderCreated struct {
	CustomerID string
	Currency   Currency
	Items      []Item
}

// OrderItemsUpdated carries the whole new list.
type OrderItemsUpdated struct {
	Items []Item
}

// OrderConfirmed follows payment.
type OrderConfirmed struct {
	PaymentReference string
}

// OrderShipped follows the hand-over to a carrier.
type OrderShipped struct {
	Carrier        string
	TrackingNumber string
}

// OrderDelivered ends an order well.
type OrderDelivered struct{}

// OrderCancelled ends an order early.
type OrderCancelled struct {
	Reason string
}

func (OrderCreated) isOrderEvent()      {}
func (OrderItemsUpdated) isOrderEvent() {}
func (OrderConfirmed) isOrderEvent()    {}
func (OrderShipped) isOrderEvent()      {}
func (OrderDelivered) isOrderEvent()    {}
func (OrderCancelled) isOrderEvent()    {}
