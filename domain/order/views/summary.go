package views

import (
	"time"

	"github.com/google/uuid"

	"orderflow/domain/compact"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/projection"
)

// Event is an event of an order.
type Event = eventsourcing.Envelope[order.Event]

// orderID is the column with the id of the order.
const orderID = "order_id"

// ofOrders returns the aggregate types that the read models of orders take.
func ofOrders() []string { return []string{order.Type} }

// summary is the state of the projections that list orders without their items. The tags are for
// states that were stored before there were layouts.
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

func summaryLayout() *projection.Layout[summary] {
	return &projection.Layout[summary]{Version: 1, Write: writeSummary, Read: readSummary}
}

func writeSummary(dst []byte, s summary) []byte {
	dst = compact.AppendID(dst, s.OrderID)
	dst = compact.AppendText(dst, s.CustomerID)
	dst = compact.AppendText(dst, s.Status)
	dst = compact.AppendText(dst, s.Currency)
	dst = compact.AppendNumber(dst, s.Total)
	dst = compact.AppendNumber(dst, s.SequenceNumber)
	dst = compact.AppendTime(dst, s.CreatedAt)
	return compact.AppendTime(dst, s.UpdatedAt)
}

func readSummary(r *compact.Reader) (s summary) {
	s.OrderID = r.ID()
	s.CustomerID = r.Text()
	s.Status = r.Text()
	s.Currency = r.Text()
	s.Total = r.Number()
	s.SequenceNumber = r.Number()
	s.CreatedAt = r.Time()
	s.UpdatedAt = r.Time()
	return s
}
