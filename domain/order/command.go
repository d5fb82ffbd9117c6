package order

import (
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// Command is a request to change one order: a CreateOrder, UpdateItems, ConfirmOrder, ShipOrder,
// DeliverOrder or CancelOrder by value. Anything else, pointers to these included, is refused with
// [CodeUnknownCommand].
type Command interface{ eventsourcing.Command }

// CreateOrder starts an order.
type CreateOrder struct {
	OrderID uuid.UUID
	// CustomerID is 1 to 64 characters of A-Z, a-z, 0-9 and any of ._-:@
	CustomerID string
	Currency   Currency
	// Items has 1 to 1,000 lines.
	Items []Item
}

// UpdateItems replaces all lines of an order that is still ACTIVE.
type UpdateItems struct {
	OrderID uuid.UUID
	Items   []Item
}

// ConfirmOrder records that the order is paid.
type ConfirmOrder struct {
	OrderID uuid.UUID
	// PaymentReference is 1 to 128 characters, none of them a control character.
	PaymentReference string
}

// ShipOrder records that a confirmed order was handed to a carrier.
type ShipOrder struct {
	OrderID uuid.UUID
	// Carrier is 1 to 64 characters, none of them a control character.
	Carrier string
	// TrackingNumber is 1 to 128 characters, none of them a control character.
	TrackingNumber string
}

// DeliverOrder records that a shipped order arrived.
type DeliverOrder struct {
	OrderID uuid.UUID
}

// CancelOrder ends an order that was not shipped.
type CancelOrder struct {
	OrderID uuid.UUID
	// Reason is 1 to 500 characters, none of them a control character.
	Reason string
}

func (c CreateOrder) AggregateID() uuid.UUID  { return c.OrderID }
func (c UpdateItems) AggregateID() uuid.UUID  { return c.OrderID }
func (c ConfirmOrder) AggregateID() uuid.UUID { return c.OrderID }
func (c ShipOrder) AggregateID() uuid.UUID    { return c.OrderID }
func (c DeliverOrder) AggregateID() uuid.UUID { return c.OrderID }
func (c CancelOrder) AggregateID() uuid.UUID  { return c.OrderID }

// CommandNames returns the names of all commands.
func CommandNames() []string {
	commands := []Command{CreateOrder{}, UpdateItems{}, ConfirmOrder{}, ShipOrder{}, DeliverOrder{}, CancelOrder{}}
	names := make([]string, len(commands))
	for i, c := range commands {
		names[i] = c.Name()
	}
	return names
}

func (CreateOrder) Name() string  { return "create_order" }
func (UpdateItems) Name() string  { return "update_items" }
func (ConfirmOrder) Name() string { return "confirm_order" }
func (ShipOrder) Name() string    { return "ship_order" }
func (DeliverOrder) Name() string { return "deliver_order" }
func (CancelOrder) Name() string  { return "cancel_order" }
