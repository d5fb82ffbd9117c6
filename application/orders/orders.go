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
	}
}
