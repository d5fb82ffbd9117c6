package stock

import "github.com/google/uuid"

// Event is a fact about one stock item: Received, Reserved or Released.
type Event interface{ isStockEvent() }

// Received says how much came, and with which delivery note.
type Received struct {
	SKU       string
	Quantity  int64
	Reference string
}

// Reserved says how much was reserved for an order.
type Reserved struct {
	OrderID  uuid.UUID
	Quantity int64
}

// Released says that what was reserved for an order is free again.
type Released struct {
	OrderID uuid.UUID
}

func (Received) isStockEvent() {}
func (Reserved) isStockEvent() {}
func (Released) isStockEvent() {}
