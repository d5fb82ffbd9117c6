package parking_test

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/parking"
	"orderflow/ports"
)

// A consumer parks an aggregate. An operator decides to skip the event that failed. Both decisions
// survive a restart.
func ExampleLot() {
	ctx, store, id := context.Background(), memory.New(memory.Options{}), uuid.New()
	lot := parking.New("orders-by-status", store, store)
	if err := lot.Park(ctx, ports.ParkedAggregate{
		Consumer: "orders-by-status", AggregateID: id, SequenceNumber: 3, Kind: ports.FailureBug,
	}); err != nil {
		fmt.Println(err)
	}
	if err := lot.Skip(ctx, ports.Skip{
		Consumer: "orders-by-status", AggregateID: id, SequenceNumber: 3, Reason: "a test order",
	}); err != nil {
		fmt.Println(err)
	}

	lot = parking.New("orders-by-status", store, store)
	if err := lot.Load(ctx); err != nil {
		fmt.Println(err)
	}
	fmt.Println(lot.Has(id), lot.Skipped(id, 3), lot.Skipped(id, 4))

	// Output:
	// true true false
}
