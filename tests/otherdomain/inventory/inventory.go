// Package inventory connects the stock item to the runtime, as application/orders does with the
// order.
package inventory

import (
	"strconv"

	"orderflow/application/command"
	"orderflow/ports"
	"orderflow/tests/otherdomain/stock"
)

// The command handler of stock items and its messages.
type (
	// Commands decides and appends the commands of stock items.
	Commands = ports.CommandHandler[stock.Command, stock.Event]
	// Request is a command of a stock item and its context.
	Request = ports.CommandRequest[stock.Command]
	// Result is the answer to it.
	Result = ports.CommandResult[stock.Event]
)

// NewCommands returns the command handler of stock items.
func NewCommands(codec ports.Codec[stock.Event], config command.Config) Commands {
	return command.New(Aggregate(codec), config)
}

// Aggregate describes stock items to the command handler.
func Aggregate(codec ports.Codec[stock.Event]) command.Aggregate[stock.Command, stock.Item, stock.Event] {
	return command.Aggregate[stock.Command, stock.Item, stock.Event]{
		Type: stock.Type, Decider: stock.Decider(), Codec: codec, Check: stock.Check, AppendContent: appendContent,
	}
}

// appendContent appends the fields of a command. The digest of the text is stored.
func appendContent(b []byte, c stock.Command) []byte {
	switch c := c.(type) {
	case stock.Receive:
		b = strconv.AppendInt(strconv.AppendQuote(append(b, ' '), c.SKU), c.Quantity, 10)
		return strconv.AppendQuote(b, c.Reference)
	case stock.Reserve:
		return strconv.AppendInt(append(append(b, c.OrderID.String()...), ' '), c.Quantity, 10)
	case stock.Release:
		return append(b, c.OrderID.String()...)
	default:
		return b
	}
}
