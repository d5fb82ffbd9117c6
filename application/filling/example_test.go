package filling_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/application/filling"
	"orderflow/application/orders"
	"orderflow/application/parking"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/ports"
)

// The feed has lost the first event of an order. The view fills the gap from the event store.
func ExampleView_Handle() {
	ctx, store, id := context.Background(), memory.New(memory.Options{}), uuid.New()
	commands := orders.NewCommands(orderjson.New(), command.Config{Store: store, Now: time.Now, NewID: uuid.New})
	for _, c := range []order.Command{
		order.CreateOrder{
			OrderID: id, CustomerID: "ada", Currency: "EUR",
			Items: []order.Item{{SKU: "TEA-100", Quantity: 2, UnitPrice: 890}},
		},
		order.CancelOrder{OrderID: id, Reason: "too expensive"},
	} {
		if _, err := commands.Handle(ctx, orders.Request{Command: c}); err != nil {
			fmt.Println(err)
		}
	}

	p := views.OrdersByStatus()
	view := filling.NewView(filling.Config{
		View:   ports.ViewID{Consumer: p.Name, Generation: 1},
		Effect: filling.Project(p, orderjson.NewMux()),
		Table:  p.Table, Store: store, Views: store,
		Skips: parking.New(p.Name, store, store), Logger: slog.New(slog.DiscardHandler),
	})
	second, err := store.Load(ctx, id, 1)
	if err != nil {
		fmt.Println(err)
	}
	for range 2 { // the second time it is a duplicate
		step, err := view.Handle(ctx, second[0])
		fmt.Printf("applied %d, healed %d, duplicates %d, %v\n", step.Applied, step.Healed, step.Duplicates, err)
	}

	// Output:
	// applied 2, healed 1, duplicates 0, <nil>
	// applied 0, healed 0, duplicates 1, <nil>
}
