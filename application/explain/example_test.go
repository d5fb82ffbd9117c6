package explain_test

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/application/explain"
	"orderflow/application/orders"
	"orderflow/domain/order"
	"orderflow/ports"
)

// One consumer has handled the event of an order, and another one has not received it.
func ExampleExplainer_Explain() {
	ctx, store, id := context.Background(), memory.New(memory.Options{}), uuid.New()
	now := time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC)
	commands := orders.NewCommands(orderjson.New(), command.Config{
		Store: store, Now: func() time.Time { return now }, NewID: uuid.New,
	})
	_, err := commands.Handle(ctx, orders.Request{Command: order.CreateOrder{
		OrderID: id, CustomerID: "ada", Currency: "EUR",
		Items: []order.Item{{SKU: "TEA-100", Quantity: 2, UnitPrice: 890}},
	}})
	if err != nil {
		fmt.Println(err)
	}

	names := []string{"orders-by-status", "publisher"}
	recorder := explain.NewRecorder(explain.RecorderConfig{Consumers: names, Now: func() time.Time { return now }})
	explainer := explain.New(explain.Config{
		Store: store, Views: store, Recorder: recorder, Consumers: names,
		View: func(consumer string) ports.ViewID { return ports.ViewID{Consumer: consumer, Generation: 1} },
	})
	records, err := store.Load(ctx, id, 0)
	if err != nil {
		fmt.Println(err)
	}
	now = now.Add(3 * time.Millisecond)
	err = recorder.Consume(ctx, "orders-by-status", records, func(ctx context.Context) error {
		now = now.Add(time.Millisecond)
		return store.Apply(ctx, ports.ViewID{Consumer: "orders-by-status", Generation: 1}, ports.Change{
			AggregateID: id, State: ports.ViewState{SequenceNumber: 1},
		})
	})
	if err != nil {
		fmt.Println(err)
	}

	explanation, err := explainer.Explain(ctx, id, 0, 1_000)
	if err != nil {
		fmt.Println(err)
	}
	for _, event := range explanation.Events {
		fmt.Println(event.SequenceNumber, event.EventType)
		for _, c := range event.Consumers {
			if c.Applied {
				fmt.Println("  "+c.Consumer, "applied after", c.HandledAt.Sub(event.CreatedAt))
			} else {
				fmt.Println("  "+c.Consumer, c.Unknown)
			}
		}
	}

	// Output:
	// 1 order.created
	//   orders-by-status applied after 4ms
	//   publisher waiting
}
