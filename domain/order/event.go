package order

// Event is something that happened to one order. The set is closed: OrderCreated,
// OrderItemsUpdated, OrderConfirmed, OrderShipped, OrderDelivered, OrderCancelled. The header of
// the event names the order and the time.
type Event interface{ isOrderEvent() }

// OrderCreated is the first event of every order.
type OrderCreated struct {
	CustomerID string
	Currency   Currency
	Items      []Item
}

// OrderItemsUpdated holds the whole new list.
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

// OrderDelivered ends an order that was delivered.
type OrderDelivered struct{}

// OrderCancelled ends an order that was not shipped.
type OrderCancelled struct {
	Reason string
}

func (OrderCreated) isOrderEvent()      {}
func (OrderItemsUpdated) isOrderEvent() {}
func (OrderConfirmed) isOrderEvent()    {}
func (OrderShipped) isOrderEvent()      {}
func (OrderDelivered) isOrderEvent()    {}
func (OrderCancelled) isOrderEvent()    {}
