package orders

import (
	"orderflow/application/command"
	"orderflow/domain/order"
	"orderflow/ports"
)

// The command handler of orders, its requests and its results.
type (
	// Commands decides commands of orders and appends their events.
	Commands = ports.CommandHandler[order.Command, order.Event]
	// Request is a command of an order with its ids and its precondition.
	Request = ports.CommandRequest[order.Command]
	// Result is the answer to a Request.
	Result = ports.CommandResult[order.Event]
)

// NewCommands returns the command handler of orders.
func NewCommands(codec ports.Codec[order.Event], config command.Config) Commands {
	return command.New(Aggregate(codec), config)
}

// Aggregate describes the order aggregate to the command handler.
func Aggregate(codec ports.Codec[order.Event]) command.Aggregate[order.Command, order.Order, order.Event] {
	return command.Aggregate[order.Command, order.Order, order.Event]{
		Type: order.Type, Decider: order.Decider(), Codec: codec, Check: order.Check, AppendContent: appendContent,
		Begins: begins, Size: size, State: state(), Personal: personal, Person: func(o order.Order) string { return o.CustomerID },
	}
}

// personal reports whether a command has data of the customer.
func personal(c order.Command) bool {
	switch c.(type) {
	case order.CreateOrder, order.ConfirmOrder, order.ShipOrder, order.CancelOrder:
		return true
	default:
		return false
	}
}

// begins says that a new order is usually new.
func begins(c order.Command) bool {
	_, create := c.(order.CreateOrder)
	return create
}

// size returns about how many bytes of memory an order refers to: its texts and its lines.
func size(o order.Order) int {
	const line, allocation = 32, 16
	n := len(o.CustomerID) + len(o.PaymentReference) + len(o.Carrier) + len(o.TrackingNumber) + len(o.CancelReason)
	for _, item := range o.Items {
		n += line + allocation + len(item.SKU)
	}
	return n + 6*allocation
}
