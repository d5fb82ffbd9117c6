package views

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"orderflow/tests/otherdomain/stock"
)

// item is the state of the projections of stock items.
type item struct {
	ID       uuid.UUID     `json:"id"`
	SKU      string        `json:"sku"`
	Received int64         `json:"received"`
	Reserved []reservation `json:"reserved"`
	Sequence int64         `json:"sequence"`
	Updated  time.Time     `json:"updated"`
}

// reservation is kept in the order in which orders came.
type reservation struct {
	OrderID  uuid.UUID `json:"order_id"`
	Quantity int64     `json:"quantity"`
	Since    time.Time `json:"since"`
}

func reduceItem(s item, e Event) item {
	s.ID, s.Sequence, s.Updated = e.AggregateID, int64(e.SequenceNumber), e.CreatedAt
	switch event := e.Event.(type) {
	case stock.Received:
		s.SKU = event.SKU
		s.Received += event.Quantity
	case stock.Reserved:
		s.Reserved = append(without(s.Reserved, event.OrderID), reservation{event.OrderID, event.Quantity, e.CreatedAt})
	case stock.Released:
		s.Reserved = without(s.Reserved, event.OrderID)
	}
	return s
}

func without(all []reservation, orderID uuid.UUID) []reservation {
	return slices.DeleteFunc(slices.Clone(all), func(r reservation) bool { return r.OrderID == orderID })
}
