package verify_test

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/application/verify"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
)

// No consumer runs, so the view does not have the event of the order.
func ExampleVerifier_Verify() {
	ctx, store := context.Background(), memory.New(memory.Options{})
	commands := orders.NewCommands(orderjson.New(), command.Config{Store: store, Now: time.Now, NewID: uuid.New})
	_, err := commands.Handle(ctx, orders.Request{Command: order.CreateOrder{
		OrderID: uuid.New(), CustomerID: "ada", Currency: "EUR",
		Items: []order.Item{{SKU: "TEA-100", Quantity: 2, UnitPrice: 890}},
	}})
	if err != nil {
		fmt.Println(err)
	}

	verifier := verify.New(verify.Config{
		Store: store, Codec: orderjson.NewMux(), States: store, Rows: store, Live: firstGeneration{}, Skips: store,
		Projections: []*projection.Projection{views.OrdersByStatus()},
	})
	report, err := verifier.Verify(ctx, 0)
	fmt.Println(report.Aggregates, report.Events, report.Differences, err)
	for _, difference := range report.Shown {
		fmt.Println(difference.Consumer, difference.Detail)
	}

	// Output:
	// 1 1 1 <nil>
	// orders-by-status has handled 0 of 1 events
}
