package watermillkafka_test

import (
	"context"
	"fmt"
	"log"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/publisher"
	"orderflow/adapters/redpanda/watermillkafka"
	"orderflow/domain/eventsourcing"
)

// A service of another team bills confirmed orders. Each event has its effect once, although it may
// come more often.
func Example() {
	brokers, stop := exampleTopic()
	defer stop()

	settings := kafka.DefaultSaramaSubscriberConfig()
	settings.Version = sarama.V2_8_0_0
	settings.Consumer.Offsets.Initial = sarama.OffsetOldest
	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: brokers, ConsumerGroup: "billing", OverwriteSaramaConfig: settings,
		Unmarshaler: watermillkafka.Unmarshaler{},
	}, watermill.NopLogger{})
	if err != nil {
		log.Fatal(err)
	}
	defer subscriber.Close()
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var billed atomic.Int64
	router.AddMiddleware(watermillkafka.Dedupe{Handled: &watermillkafka.Memory{}}.Middleware)
	router.AddConsumerHandler("billing", "order-events", subscriber, func(m *message.Message) error {
		event, err := watermillkafka.EventOf(m)
		if err == nil && event.EventType == "order.confirmed" { // other events are ignored
			fmt.Printf("bill order %s: %s\n", event.AggregateID, event.Payload)
			if billed.Add(1) == 2 { // a real service runs until it is stopped
				cancel()
			}
		}
		return err
	})
	if err := router.Run(ctx); err != nil {
		log.Fatal(err)
	}
	// Unordered output:
	// bill order 00000000-0000-4000-8000-000000000001: {"payment_reference":"pay-1"}
	// bill order 00000000-0000-4000-8000-000000000002: {"payment_reference":"pay-2"}
}

// exampleTopic starts a broker in this process, with the events of two orders, which come twice.
func exampleTopic() (brokers []string, stop func()) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		log.Fatal(err)
	}
	p, err := publisher.New(publisher.Config{Config: redpanda.Config{Brokers: cluster.ListenAddrs()}})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	for n := range byte(2) {
		id := uuid.UUID{6: 0x40, 8: 0x80, 15: n + 1}
		created := exampleEvent(id, 1, "order.created", 3, `{"customer_id":"ann","currency":"EUR","items":[]}`)
		confirmed := exampleEvent(id, 2, "order.confirmed", 1, fmt.Sprintf(`{"payment_reference":"pay-%d"}`, n+1))
		for _, r := range []eventsourcing.Record{created, confirmed, created, confirmed} {
			if err := p.Publish(context.Background(), r); err != nil {
				log.Fatal(err)
			}
		}
	}
	return cluster.ListenAddrs(), cluster.Close
}

func exampleEvent(order uuid.UUID, sequence uint64, name string, version int, payload string) eventsourcing.Record {
	return eventsourcing.Record{
		Header: eventsourcing.Header{
			EventID: uuid.NewSHA1(order, []byte{byte(sequence)}), AggregateType: "order", AggregateID: order, SequenceNumber: sequence,
			CreatedAt: time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC),
		},
		EventType: name, EventVersion: version, Payload: []byte(payload),
	}
}
