package embedded_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// What Append has acknowledged is on disk. Another process finds it there.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
	}
	defer os.RemoveAll(dir)

	store, err := embedded.Open(ctx, embedded.Options{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	order, command := uuid.New(), uuid.New()
	request := ports.Append{
		AggregateID: order, Expected: 0, CommandID: command,
		Records: []eventsourcing.Record{{
			Header: eventsourcing.Header{
				AggregateType: "order",
				EventID:       uuid.New(), AggregateID: order, SequenceNumber: 1, CommandID: command,
				CreatedAt: eventsourcing.Timestamp(time.Now()),
			},
			EventType: "order.created", EventVersion: 1, Payload: []byte(`{}`),
		}},
	}
	if _, err := store.Append(ctx, request); err != nil {
		fmt.Println(err)
	}
	if err := store.Close(); err != nil {
		fmt.Println(err)
	}

	store, err = embedded.Open(ctx, embedded.Options{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	records, err := store.Load(ctx, order, 0)
	fmt.Println(len(records), records[0].EventType, err)
	again, err := store.Append(ctx, request)
	fmt.Println("duplicate:", again.Duplicate, err)

	// Output:
	// 1 order.created <nil>
	// duplicate: true <nil>
}
