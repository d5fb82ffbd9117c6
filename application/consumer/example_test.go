package consumer_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/fanout"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/application/consumer"
	"orderflow/application/consumers"
	"orderflow/application/filling"
	"orderflow/application/orders"
	"orderflow/application/query"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
)

// A whole service in one function: a store, a command handler, a read model that follows the feed,
// and a query that waits until the read model has the event.
func Example() {
	ctx, store := context.Background(), memory.New(memory.Options{})
	commands := orders.NewCommands(orderjson.New(), command.Config{Store: store, Now: time.Now, NewID: uuid.New})

	p := views.OrderReadModel()
	readModel := consumer.New(consumer.Config{
		Name: p.Name, Version: p.Version, Types: p.Types, Table: p.Table,
		Effect: filling.Project(p, orderjson.NewMux()),
		Store:  store, Feed: store, Views: store, Registry: store, Parking: store, Skips: store,
		Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	router, err := fanout.New(fanout.Config{}, readModel)
	if err != nil {
		fmt.Println(err)
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- router.Run(running) }()

	id := uuid.New()
	result, err := commands.Handle(ctx, orders.Request{Command: order.CreateOrder{
		OrderID: id, CustomerID: "ada", Currency: "EUR",
		Items: []order.Item{{SKU: "TEA-100", Quantity: 2, UnitPrice: 890}},
	}})
	if err != nil {
		fmt.Println(err)
	}
	queries := query.NewAggregates(query.AggregatesConfig{
		Type: order.Type, Views: store, Live: consumers.Manager{readModel}, Store: store, Codec: orderjson.NewMux(), Projection: p,
	})
	row, err := queries.Row(ctx, id, result.SequenceNumber, time.Minute)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(p.Table.Get(row, "customer_id"), p.Table.Get(row, "status"), p.Table.Get(row, "total"))

	stop()
	fmt.Println(<-ended)

	// Output:
	// ada ACTIVE 1780
	// <nil>
}
