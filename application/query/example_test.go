package query_test

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/application/query"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/ports"
)

// RowAt folds the history up to a past event with the projection that fills the view.
func ExampleAggregates_RowAt() {
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

	p := views.OrderReadModel()
	queries := query.NewAggregates(query.AggregatesConfig{
		Type: order.Type, Views: store, Live: live{}, Store: store, Codec: orderjson.NewMux(), Projection: p,
	})
	for sequence := range uint64(3) {
		row, err := queries.RowAt(ctx, id, ports.Moment{SequenceNumber: sequence + 1})
		if err != nil {
			fmt.Println("no event", sequence+1)
			continue
		}
		fmt.Println(p.Table.Get(row, "sequence_number"), p.Table.Get(row, "status"), p.Table.Get(row, "total"))
	}

	// Output:
	// 1 ACTIVE 1780
	// 2 CANCELLED 1780
	// no event 3
}
