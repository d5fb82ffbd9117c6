package views

import (
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
)

// Event is an event of an order.
type Event = eventsourcing.Envelope[order.Event]

// orderID is the column with the id of the order.
const orderID = "order_id"

// ofOrders returns the aggregate types that the read models of orders take.
func ofOrders() []string { return []string{order.Type} }

// summary is the state of the projections that list orders without their items.
type summary struct {
	OrderID        uuid.UUID `json:"order_id"`
	CustomerID     string    `json:"customer_id"`
	Status         string    `json:"status"`
	Currency       string    `json:"currency"`
	Total          int64     `json:"total"`
	SequenceNumber int64     `json:"sequence_number"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

func reduceSummary(s summary, e Event) summary {
	s.SequenceNumber, s.UpdatedAt = int64(e.SequenceNumber), e.CreatedAt
	switch event := e.Event.(type) {
	case order.OrderCreated:
		s.OrderID, s.CreatedAt = e.AggregateID, e.CreatedAt
		s.CustomerID, s.Currency, s.Total = event.CustomerID, string(event.Currency), total(event.Items)
	case order.OrderItemsUpdated:
		s.Total = total(event.Items)
	}
	s.Status = nextStatus(s.Status, e.Event)
	return s
}

// nextStatus returns the status of an order after event.
func nextStatus(status string, event order.Event) string {
	return string(order.Evolve(order.Order{Status: order.Status(status)}, event).Status)
}

// total returns 0 for a total that does not fit. No command can make such an order, but a reducer
// must accept every event.
func total(items []order.Item) int64 {
	sum, ok := order.Total(items)
	if !ok {
		return 0
	}
	return int64(sum)
}

// lines is the state of the projections that need the items.
type lines struct {
	summary
	Items []item `json:"items"`
}

func reduceLines(s lines, e Event) lines {
	s.summary = reduceSummary(s.summary, e)
	switch event := e.Event.(type) {
	case order.OrderCreated:
		s.Items = storedItems(event.Items)
	case order.OrderItemsUpdated:
		s.Items = storedItems(event.Items)
	}
	return s
}

// item is an order line as it is stored, in states and in the items column of order_read_model.
type item struct {
	SKU       string `json:"sku"`
	Quantity  int64  `json:"quantity"`
	UnitPrice int64  `json:"unit_price"`
}

func storedItems(items []order.Item) []item {
	stored := make([]item, len(items))
	for i, it := range items {
		stored[i] = item{SKU: it.SKU, Quantity: it.Quantity, UnitPrice: int64(it.UnitPrice)}
	}
	return stored
}
