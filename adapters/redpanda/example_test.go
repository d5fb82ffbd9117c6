package redpanda_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/publisher"
	"orderflow/domain/eventsourcing"
)

// A service of another team consumes the topic, here with franz-go. It knows the headers that
// asyncapi.yaml describes, and nothing of this module.
func Example_anotherService() {
	brokers, stop := exampleTopic()
	defer stop()

	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.ConsumerGroup("billing"),
		kgo.ConsumeTopics("order-events"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(), // offsets are saved after the effect and never before
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	// The last event of each order that was handled. A real service keeps it with its effects and
	// writes both in one transaction.
	handled := make(map[string]string)
	for len(handled) < 2 { // a real service runs for ever
		fetches := client.PollFetches(context.Background())
		if err := fetches.Err(); err != nil {
			log.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			headers := make(map[string]string)
			for _, h := range r.Headers {
				headers[h.Key] = string(h.Value)
			}
			// 20 digits, so texts compare like numbers
			order, sequence := string(r.Key), headers["ce_sequence"]
			if sequence <= handled[order] {
				return // a duplicate: delivery is at least once
			}
			switch headers["ce_type"] + "/" + headers["ce_eventversion"] {
			case "order.confirmed/1":
				fmt.Printf("bill order %s: %s\n", order, r.Value)
			default: // other events are ignored
			}
			handled[order] = sequence
		})
		if err := client.CommitUncommittedOffsets(context.Background()); err != nil {
			log.Print(err) // the events come again and are dropped
		}
	}
	// Unordered output:
	// bill order 00000000-0000-4000-8000-000000000001: {"payment_reference":"pay-1"}
	// bill order 00000000-0000-4000-8000-000000000002: {"payment_reference":"pay-2"}
}

// exampleTopic starts a broker in this process, with the events of two orders, some of which come
// twice.
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
			AggregateType: "order",
			EventID:       uuid.NewSHA1(order, []byte{byte(sequence)}), AggregateID: order, SequenceNumber: sequence,
			CreatedAt: time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC),
		},
		EventType: name, EventVersion: version, Payload: []byte(payload),
	}
}
