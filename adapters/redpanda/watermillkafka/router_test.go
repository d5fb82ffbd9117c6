package watermillkafka_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/watermillkafka"
	"orderflow/tests/servers"
)

// A service with two processes reads the topic with watermill-kafka. Each event is handled once and
// in order, although all of them come twice, other programs write to the topic, and a process joins
// and leaves.
func TestRouter_HandlesEachEventOnce(t *testing.T) {
	t.Parallel()
	handlesEachEventOnce(t, topictest.NewCluster(t).ListenAddrs())
}

func TestRouter_HandlesEachEventOnceIntegration(t *testing.T) {
	t.Parallel()
	handlesEachEventOnce(t, servers.Kafka(t))
}

func handlesEachEventOnce(t *testing.T, brokers []string) {
	const orders, length = 20, 12
	config := topictest.NewTopic(brokers)
	s := topictest.NewShelf(t, config)
	b := &billing{last: make(map[uuid.UUID]uint64), changed: make(chan struct{}, 1)}
	leave := b.start(t, brokers, config.Topic.Name)
	ids := make([]uuid.UUID, orders)
	for i := range ids {
		ids[i] = uuid.New()
	}
	for n := range length {
		switch n {
		case 4:
			b.start(t, brokers, config.Topic.Name)
		case 8:
			leave()
		}
		for _, id := range ids {
			record := topictest.Next(id, uint64(n)).Records[0]
			if err := s.Publish(record, record); err != nil {
				t.Fatal(err)
			}
		}
		s.Send(t, kgo.KeyStringRecord("k", "hello"))
		b.await(t, orders*(n+1))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.wrong) > 0 {
		t.Errorf("%d events were handled again or out of order: %v", len(b.wrong), b.wrong)
	}
	if b.strangers == 0 {
		t.Error("no message of others was told")
	}
}

// billing is a service, with the data that its processes share.
type billing struct {
	handled watermillkafka.Memory

	mu        sync.Mutex
	last      map[uuid.UUID]uint64
	events    int
	wrong     []string
	strangers int
	changed   chan struct{}
}

// start starts a process of the service, and returns a function that ends it.
func (b *billing) start(t *testing.T, brokers []string, topic string) (end func()) {
	t.Helper()
	settings := kafka.DefaultSaramaSubscriberConfig()
	settings.Version = sarama.V2_8_0_0
	settings.Consumer.Offsets.Initial = sarama.OffsetOldest
	settings.Consumer.MaxWaitTime = 10 * time.Millisecond
	settings.Consumer.Group.Heartbeat.Interval = 20 * time.Millisecond
	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: brokers, ConsumerGroup: "billing-" + topic, OverwriteSaramaConfig: settings,
		Unmarshaler: watermillkafka.Unmarshaler{},
	}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	router.AddMiddleware(watermillkafka.Dedupe{Handled: &b.handled, OnStranger: b.stranger}.Middleware)
	router.AddConsumerHandler("billing", topic, subscriber, b.handle)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- router.Run(ctx) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := subscriber.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(end)
	select {
	case <-router.Running():
	case <-time.After(topictest.Bound):
		t.Fatal("the router does not run")
	}
	return end
}

func (b *billing) stranger(*message.Message, *watermillkafka.StrangerError) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.strangers++
}

func (b *billing) handle(m *message.Message) error {
	event, err := watermillkafka.EventOf(m)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if event.SequenceNumber != b.last[event.AggregateID]+1 {
		b.wrong = append(b.wrong, m.Metadata.Get("ce_sequence"))
	}
	b.last[event.AggregateID] = event.SequenceNumber
	b.events++
	select {
	case b.changed <- struct{}{}:
	default:
	}
	return nil
}

// await waits until so many events were handled.
func (b *billing) await(t *testing.T, events int) {
	t.Helper()
	for deadline := time.After(topictest.Bound); ; {
		b.mu.Lock()
		now := b.events
		b.mu.Unlock()
		if now >= events {
			return
		}
		select {
		case <-b.changed:
		case <-deadline:
			t.Fatalf("%d of %d events were handled", now, events)
		}
	}
}
