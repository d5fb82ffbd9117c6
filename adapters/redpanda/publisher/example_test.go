package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/publisher"
	"orderflow/domain/eventsourcing"
)

// Publish returns when the brokers have the event. Otherwise its error says what to do.
func Example() {
	ctx := context.Background()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1)) // a broker in this process
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()
	p, err := publisher.New(publisher.Config{
		Config: redpanda.Config{
			Brokers: cluster.ListenAddrs(),
			Topic:   redpanda.Topic{Partitions: 1, Settings: map[string]string{"max.message.bytes": "2000"}},
		},
		Published: func(r eventsourcing.Record, partition int32, offset int64) {
			fmt.Printf("event %d is at offset %d of partition %d\n", r.SequenceNumber, offset, partition)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	event := eventsourcing.Record{
		Header: eventsourcing.Header{
			EventID: uuid.New(), AggregateType: "order", AggregateID: uuid.New(), SequenceNumber: 1, CreatedAt: time.Now(),
		},
		EventType: "order.created", EventVersion: 3, Payload: []byte(`{}`),
	}
	if err := p.Publish(ctx, event); err != nil {
		log.Fatal(err)
	}
	event.SequenceNumber, event.Payload = 2, make([]byte, 3000)
	tooLarge, ok := errors.AsType[*redpanda.TooLargeError](p.Publish(ctx, event))
	fmt.Println("event 2 is too large:", ok, tooLarge.Size > tooLarge.Limit)
	// Output:
	// event 1 is at offset 0 of partition 0
	// event 2 is too large: true true
}
