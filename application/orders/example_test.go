package orders_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/domain/order"
)

// The order service without HTTP: a store, the codec, and the command handler.
func Example() {
	ctx := context.Background()
	store := memory.New(memory.Options{})
	commands := orders.NewCommands(orderjson.New(), command.Config{Store: store, Now: time.Now, NewID: uuid.New})

	id := uuid.New()
	result, err := commands.Handle(ctx, orders.Request{Command: order.CreateOrder{
		OrderID: id, CustomerID: "ada", Currency: "EUR",
		Items: []order.Item{{SKU: "TEA-100", Quantity: 2, UnitPrice: 890}},
	}})
	fmt.Println(result.SequenceNumber, err)

	_, err = commands.Handle(ctx, orders.Request{Command: order.DeliverOrder{OrderID: id}})
	var refused *order.RuleError
	fmt.Println(errors.As(err, &refused), refused.Code)

	// Output:
	// 1 <nil>
	// true order_not_shipped
}
