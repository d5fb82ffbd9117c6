package source_test

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
	"orderflow/adapters/redpanda/source"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// A consumer reads what is published after its offset, and commits after the effect.
func ExampleFeed() {
	ctx := context.Background()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1)) // a broker in this process
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()
	config := redpanda.Config{Brokers: cluster.ListenAddrs()}

	p, err := publisher.New(publisher.Config{Config: config})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	if err := p.Connect(ctx); err != nil { // this creates the topic
		log.Fatal(err)
	}
	feed, err := source.NewFeed(source.Config{Config: config})
	if err != nil {
		log.Fatal(err)
	}
	defer feed.Close()

	_, err = feed.Subscribe(ctx, "order-read-model")
	fmt.Println("a new consumer has no offset:", errors.Is(err, ports.ErrNoOffset))
	if err := feed.SeekEnd(ctx, "order-read-model"); err != nil {
		log.Fatal(err)
	}
	subscription, err := feed.Subscribe(ctx, "order-read-model")
	if err != nil {
		log.Fatal(err)
	}
	defer subscription.Close()

	event := eventsourcing.Record{
		Header: eventsourcing.Header{
			EventID: uuid.New(), AggregateType: "order", AggregateID: uuid.New(), SequenceNumber: 1, CreatedAt: time.Now(),
		},
		EventType: "order.created", EventVersion: 3, Payload: []byte(`{}`),
	}
	if err := p.Publish(ctx, event); err != nil {
		log.Fatal(err)
	}
	delivery, err := subscription.Next(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("event", delivery.Record.SequenceNumber, "is an", delivery.Record.EventType)
	if err := subscription.Commit(ctx, delivery.Position); err != nil {
		log.Fatal(err)
	}
	// Output:
	// a new consumer has no offset: true
	// event 1 is an order.created
}
