package order

// Event is something that happened to one order. The set is closed: OrderCreated,
// OrderItemsUpdated, OrderConfirmed, OrderShipped, OrderDelivered, OrderCancelled. The header of
// the event names the order and the time.
//
// Each text declares with the tag "personal" whether it has personal data: "sealed" is data of the
// customer, which a codec seals and which can be erased. "subject" is the pseudonym that names the
// customer. "no" says nothing about a person. A free text is personal, whatever it is meant for. A
// sealed field may be [orderflow/domain/eventsourcing.Erased].
type Event interface{ isOrderEvent() }

// OrderCreated is the first event of every order.
type OrderCreated struct {
	CustomerID string   `personal:"subject"`
	Currency   Currency `personal:"no"`
	Items      []Item
}

// OrderItemsUpdated holds the whole new list.
type OrderItemsUpdated struct {
	Items []Item
}

// OrderConfirmed follows payment.
type OrderConfirmed struct {
	PaymentReference string `personal:"sealed"`
}

// OrderShipped follows the hand-over to a carrier.
type OrderShipped struct {
	Carrier        string `personal:"sealed"`
	TrackingNumber string `personal:"sealed"`
}

// OrderDelivered ends an order that was delivered.
type OrderDelivered struct{}

// OrderCancelled ends an order that was not shipped.
type OrderCancelled struct {
	Reason string `personal:"sealed"`
}

func (OrderCreated) isOrderEvent()      {}
func (OrderItemsUpdated) isOrderEvent() {}
func (OrderConfirmed) isOrderEvent()    {}
func (OrderShipped) isOrderEvent()      {}
func (OrderDelivered) isOrderEvent()    {}
func (OrderCancelled) isOrderEvent()    {}
