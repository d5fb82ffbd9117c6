package command_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/ports"
)

// A handler takes the commands of one aggregate type. A command that is sent again under its id is
// answered and not repeated.
func Example() {
	ctx := context.Background()
	handler := command.New(balances(), command.Config{Store: memory.New(memory.Options{}), Now: time.Now, NewID: uuid.New})
	id, commandID := eventtest.ID(1), eventtest.ID(2)

	for _, c := range []struct {
		amount int64
		id     uuid.UUID
	}{{7, commandID}, {7, commandID}, {7, uuid.Nil}, {3, uuid.Nil}} {
		result, err := handler.Handle(ctx, ports.CommandRequest[spend]{Command: spend{id, c.amount}, CommandID: c.id})
		var refused eventsourcing.Refused
		if errors.As(err, &refused) {
			fmt.Printf("spend %d: refused, %s\n", c.amount, refused.Refusal().Code)
			continue
		}
		fmt.Printf("spend %d: event %d\n", c.amount, result.SequenceNumber)
	}

	// Output:
	// spend 7: event 1
	// spend 7: event 1
	// spend 7: refused, overdrawn
	// spend 3: event 2
}

// A client that has seen an aggregate says at which event, and loses when somebody else was faster.
func ExampleHandler_Handle_expectedSequence() {
	ctx := context.Background()
	handler := command.New(balances(), command.Config{Store: memory.New(memory.Options{}), Now: time.Now, NewID: uuid.New})
	seen := uint64(0)

	for range 2 {
		_, err := handler.Handle(ctx, ports.CommandRequest[spend]{Command: spend{eventtest.ID(1), 1}, ExpectedSequence: &seen})
		fmt.Println(err)
	}

	// Output:
	// <nil>
	// 018f4e9a-0000-7000-8000-000000000001 is at sequence number 1, not 0: version conflict
}
