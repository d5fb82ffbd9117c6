package orders

import (
	"orderflow/application/command"
	"orderflow/domain/order"
	"orderflow/ports"
)

// The command handler of orders and its messages.
type (
	// Commands decides and appends the commands of orders.
	Commands = ports.CommandHandler[order.Command, order.Event]
	// Request is a command of an order and its context.
	Request = ports.CommandRequest[order.Command]
	// Result is the answer to it.
	Result = ports.CommandResult[order.Event]
)

// NewCommands returns the command handler of orders.
func NewCommands(codec ports.Codec[order.Event], config command.Config) Commands {
	return command.New(Aggregate(codec), config)
}

// Aggregate describes orders to the command handler.
func Aggregate(codec ports.Codec[order.Event]) command.Aggregate[order.Command, order.Order, order.Event] {
	return command.Aggregate[order.Command, order.Order, order.Event]{
		Type: order.Type, Decider: order.Decider(), Codec: codec, Check: order.Check, AppendContent: appendContent,
	}
}
