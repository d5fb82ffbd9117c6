package memory_test

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// One record goes from a writer to a consumer, with a restart in between.
func Example() {
	ctx := context.Background()
	store := memory.New(memory.Options{})
	if err := store.SeekEnd(ctx, "printer"); err != nil { // from here on
		fmt.Println(err)
	}

	order, command := uuid.New(), uuid.New()
	_, err := store.Append(ctx, ports.Append{
		AggregateID: order, Expected: 0, CommandID: command,
		Records: []eventsourcing.Record{{
			Header: eventsourcing.Header{
				AggregateType: "order",
				EventID:       uuid.New(), AggregateID: order, SequenceNumber: 1, CommandID: command,
				CreatedAt: eventsourcing.Timestamp(time.Now()),
			},
			EventType: "order.created", EventVersion: 1, Payload: []byte(`{}`),
		}},
	})
	if err != nil {
		fmt.Println(err)
	}

	store = store.Reopen()
	subscription, err := store.Subscribe(ctx, "printer")
	if err != nil {
		fmt.Println(err)
	}
	delivery, err := subscription.Next(ctx)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(delivery.Record.EventType, delivery.Record.SequenceNumber)
	// the record has had its effect; do not deliver it again
	if err := subscription.Commit(ctx, delivery.Position); err != nil {
		fmt.Println(err)
	}
	lag, err := store.Lag(ctx, "printer")
	fmt.Println(lag.Events, "behind", err)
	// Output:
	// order.created 1
	// 0 behind <nil>
}

// A publisher in memory keeps what was published, for tests.
func ExamplePublisher() {
	var target memory.Publisher
	record := eventsourcing.Record{Header: eventsourcing.Header{SequenceNumber: 1}, EventType: "order.created"}
	if err := target.Publish(context.Background(), record); err != nil {
		fmt.Println(err)
	}
	for _, r := range target.Published() {
		fmt.Println(r.EventType, r.SequenceNumber)
	}
	// Output:
	// order.created 1
}
