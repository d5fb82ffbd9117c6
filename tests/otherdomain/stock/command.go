package stock

import (
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// Command is a request to change one stock item: a Receive, Reserve or Release by value.
type Command interface{ eventsourcing.Command }

// Receive adds to the stock. The first one starts the item, and later ones are of the same article.
type Receive struct {
	ItemID uuid.UUID
	// SKU is 1 to 64 characters of A-Z, a-z, 0-9, dot, underscore and hyphen.
	SKU string
	// Quantity is 1 to 1,000,000.
	Quantity int64
	// Reference is the delivery note: 1 to 64 characters as of an SKU.
	Reference string
}

// Reserve reserves a part of the stock for an order.
type Reserve struct {
	ItemID, OrderID uuid.UUID
	// Quantity is 1 to 1,000,000.
	Quantity int64
}

// Release gives back what was reserved for an order.
type Release struct {
	ItemID, OrderID uuid.UUID
}

func (c Receive) AggregateID() uuid.UUID { return c.ItemID }
func (c Reserve) AggregateID() uuid.UUID { return c.ItemID }
func (c Release) AggregateID() uuid.UUID { return c.ItemID }

func (Receive) Name() string { return "receive_stock" }
func (Reserve) Name() string { return "reserve_stock" }
func (Release) Name() string { return "release_stock" }
