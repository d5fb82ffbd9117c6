package bench_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"golang.org/x/sync/errgroup"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/publisher"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/tests/bench/workload"
	"orderflow/tests/servers"
)

// topicPartitions is the number of partitions with which the service creates its topic.
const topicPartitions = 12

// saramaBatch is how many messages sarama gets at once.
const saramaBatch = 1000

// BenchmarkRedpanda measures how fast events are published to a topic, acknowledged and in order
// for each order, through our publisher, from as many lanes as a consumer may have. For comparison
// the same messages are published through sarama in large batches, by a caller that has all of them
// in advance, and through watermill-kafka one by one.
func BenchmarkRedpanda(b *testing.B) {
	brokers := servers.Kafka(b)
	for _, lanes := range []int{32, 256, 1024} {
		b.Run(fmt.Sprintf("system=orderflow/lanes=%d", lanes), func(b *testing.B) { benchPublisher(b, brokers, lanes) })
	}
	b.Run("system=sarama-batches/lanes=1", func(b *testing.B) { benchSarama(b, brokers) })
	b.Run("system=watermill-kafka/lanes=1", func(b *testing.B) { benchWatermill(b, brokers) })
}

// newEvent returns an event like that of a new order, each of another order.
func newEvent() eventsourcing.Record {
	return eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: "order",
			EventID:       workload.NewID(), AggregateID: workload.NewID(), SequenceNumber: 1, CommandID: workload.NewID(),
			CorrelationID: workload.NewID(), CausationID: workload.NewID(), CreatedAt: time.Now().UTC(),
		},
		EventType: "order.created", EventVersion: 2,
		Payload: []byte(`{"customer_id":"customer-0198c2a4","currency":"EUR","items":[{"sku":"KEYBOARD-DE","quantity":1,"unit_price":7999},` +
			`{"sku":"MOUSE-2.4G","quantity":2,"unit_price":2450},{"sku":"USB-C_CABLE","quantity":5,"unit_price":699}]}`),
	}
}

// newTopic creates a topic for one measurement and waits until every partition accepts messages.
func newTopic(b *testing.B, brokers []string) string {
	b.Helper()
	admin, err := sarama.NewClusterAdmin(brokers, saramaConfig())
	if err != nil {
		b.Fatal(err)
	}
	name := "bench-" + workload.NewID().String()
	if err := admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: topicPartitions, ReplicationFactor: -1}, false); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := admin.DeleteTopic(name); err != nil {
			b.Error(err)
		}
		if err := admin.Close(); err != nil {
			b.Error(err)
		}
	})
	warm(b, brokers, name)
	return name
}

// warm publishes to all partitions. The leaders of a new topic do not know it at first, and only
// our publisher must cope with that.
func warm(b *testing.B, brokers []string, topic string) {
	b.Helper()
	p, err := newPublisher(brokers, topic)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close() //nolint:errcheck // everything was acknowledged
	for range 20 * topicPartitions {
		for event := newEvent(); ; {
			err := p.Publish(b.Context(), event)
			if err == nil {
				break
			}
			if !errors.Is(err, ports.ErrUnavailable) && !errors.Is(err, ports.ErrOutcomeUnknown) {
				b.Fatal(err)
			}
		}
	}
}

func newPublisher(brokers []string, topic string) (*publisher.Publisher, error) {
	return publisher.New(publisher.Config{Config: redpanda.Config{Brokers: brokers, Topic: redpanda.Topic{Name: topic}}})
}

// saramaConfig configures sarama as our publisher configures its client.
func saramaConfig() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V2_8_0_0
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1
	c.Producer.Return.Successes = true
	return c
}

func benchPublisher(b *testing.B, brokers []string, lanes int) {
	p, err := newPublisher(brokers, newTopic(b, brokers))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close() //nolint:errcheck // everything was acknowledged
	publish := func(n int) error {
		var claimed atomic.Int64
		group, ctx := errgroup.WithContext(b.Context())
		for range lanes {
			group.Go(func() error {
				for r := newEvent(); claimed.Add(1) <= int64(n); r.SequenceNumber++ {
					r.EventID = workload.NewID()
					if err := p.Publish(ctx, r); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return group.Wait()
	}
	if err := publish(lanes); err != nil { // connects
		b.Fatal(err)
	}
	timed(b, func(n int) {
		if err := publish(n); err != nil {
			b.Fatal(err)
		}
	})
}

func benchSarama(b *testing.B, brokers []string) {
	producer, err := sarama.NewSyncProducer(brokers, saramaConfig())
	if err != nil {
		b.Fatal(err)
	}
	defer producer.Close() //nolint:errcheck // everything was acknowledged
	topic := newTopic(b, brokers)
	send := func(n int) {
		for ; n > 0; n -= saramaBatch {
			batch := make([]*sarama.ProducerMessage, min(n, saramaBatch))
			for i := range batch {
				batch[i] = newMessage(topic, newEvent())
			}
			if err := producer.SendMessages(batch); err != nil {
				b.Fatal(err)
			}
		}
	}
	send(1)
	timed(b, send)
}

// attributes returns as many headers as our events have, of about the same length.
func attributes(r eventsourcing.Record) map[string]string {
	return map[string]string{
		"ce_specversion": "1.0", "ce_id": r.EventID.String(), "ce_source": "/orderflow", "ce_type": r.EventType,
		"ce_subject": r.AggregateID.String(), "ce_time": r.CreatedAt.Format(time.RFC3339Nano), "ce_sequence": fmt.Sprintf("%020d", r.SequenceNumber),
		"ce_eventversion": "2", "ce_commandid": r.CommandID.String(), "ce_correlationid": r.CorrelationID.String(),
		"ce_causationid": r.CausationID.String(), "content-type": "application/json",
	}
}

func newMessage(topic string, r eventsourcing.Record) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(r.AggregateID.String()), Value: sarama.ByteEncoder(r.Payload)}
	for name, value := range attributes(r) {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(name), Value: []byte(value)})
	}
	return m
}

func benchWatermill(b *testing.B, brokers []string) {
	topic := newTopic(b, brokers)
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{
		Brokers: brokers, OverwriteSaramaConfig: saramaConfig(),
		Marshaler: kafka.NewWithPartitioningMarshaler(func(_ string, m *message.Message) (string, error) { return m.UUID, nil }),
	}, watermill.NopLogger{})
	if err != nil {
		b.Fatal(err)
	}
	defer publisher.Close() //nolint:errcheck // everything was acknowledged
	send := func(n int) {
		for range n {
			r := newEvent()
			m := message.NewMessageWithContext(context.Background(), r.AggregateID.String(), r.Payload)
			for name, value := range attributes(r) {
				m.Metadata.Set(name, value)
			}
			if err := publisher.Publish(topic, m); err != nil {
				b.Fatal(err)
			}
		}
	}
	send(1)
	timed(b, send)
}

// timed measures how long work takes for b.N events.
func timed(b *testing.B, work func(n int)) {
	b.ReportAllocs()
	b.ResetTimer()
	work(b.N)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
