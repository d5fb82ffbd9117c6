package source_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/google/uuid"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/source"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/tests/servers"
)

// benchLanes is how many orders are handled at once.
const benchLanes = 32

// BenchmarkSource reads a topic of 12 partitions with this feed and with watermill-kafka's
// subscriber, with an effect that takes no time and with one that waits a millisecond, like a write
// to a store.
func BenchmarkSource(b *testing.B) {
	brokers := servers.Kafka(b)
	config := topictest.NewTopic(brokers)
	config.Topic.Partitions = 12
	s := topictest.NewShelf(b, config)
	f := newFeed(b, source.Config{Config: config, GroupPrefix: config.Topic.Name + "."})
	const events = 40_000
	for _, effect := range []time.Duration{0, time.Millisecond} {
		b.Run(fmt.Sprintf("feed/effect=%s", effect), func(b *testing.B) {
			for b.Loop() {
				seekEnd(b, f)
				fill(b, s, events)
				consumeWithFeed(b, f, events, effect)
			}
			b.ReportMetric(events*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
		b.Run(fmt.Sprintf("watermill-kafka/effect=%s", effect), func(b *testing.B) {
			for b.Loop() {
				seekEnd(b, f)
				fill(b, s, events)
				consumeWithWatermill(b, config, events, effect)
			}
			b.ReportMetric(events*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func fill(b *testing.B, s *topictest.Shelf, events int) {
	b.Helper()
	b.StopTimer()
	defer b.StartTimer()
	for range events / 500 {
		var records []eventsourcing.Record
		for range 500 {
			r := topictest.History(1)[0]
			r.AggregateID = uuid.New()
			records = append(records, r)
		}
		if err := s.Publish(records...); err != nil {
			b.Fatal(err)
		}
	}
}

// consumeWithFeed handles events in lanes, and commits for each partition the mark up to which
// everything has been handled.
func consumeWithFeed(b *testing.B, f *source.Feed, events int, effect time.Duration) {
	sub, err := f.Subscribe(b.Context(), consumerName)
	if err != nil {
		b.Fatal(err)
	}
	defer sub.Close()
	marks := make(map[string]*queue)
	lanes := make([]chan func(), benchLanes)
	var group sync.WaitGroup
	for i := range lanes {
		lanes[i] = make(chan func(), 64)
		group.Go(func() {
			for work := range lanes[i] {
				work()
			}
		})
	}
	for range events {
		d, err := sub.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		q := marks[d.Position.Stream]
		if q == nil {
			q = &queue{}
			marks[d.Position.Stream] = q
		}
		done := q.issue(d.Position)
		lanes[d.Record.AggregateID[15]%benchLanes] <- func() {
			wait(effect)
			if p, moved := done(); moved {
				_ = sub.Commit(b.Context(), p)
			}
		}
	}
	for _, lane := range lanes {
		close(lane)
	}
	group.Wait()
}

// queue is the watermark of one partition, as in application/consumer.
type queue struct {
	mu      sync.Mutex
	entries []*entry
}

type entry struct {
	position ports.Position
	done     bool
}

func (q *queue) issue(p ports.Position) func() (ports.Position, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := &entry{position: p}
	q.entries = append(q.entries, e)
	return func() (mark ports.Position, moved bool) {
		q.mu.Lock()
		defer q.mu.Unlock()
		e.done = true
		for len(q.entries) > 0 && q.entries[0].done {
			mark, moved = q.entries[0].position, true
			q.entries = q.entries[1:]
		}
		return mark, moved
	}
}

// consumeWithWatermill handles as many messages at once as the subscriber delivers: one of each
// partition.
func consumeWithWatermill(b *testing.B, config redpanda.Config, events int, effect time.Duration) {
	settings := kafka.DefaultSaramaSubscriberConfig()
	settings.Version = sarama.V2_8_0_0
	settings.Consumer.Offsets.Initial = sarama.OffsetOldest
	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: config.Brokers, Unmarshaler: kafka.DefaultMarshaler{}, ConsumerGroup: config.Topic.Name + "." + consumerName,
		OverwriteSaramaConfig: settings,
	}, watermill.NopLogger{})
	if err != nil {
		b.Fatal(err)
	}
	defer subscriber.Close()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	messages, err := subscriber.Subscribe(ctx, config.Topic.Name)
	if err != nil {
		b.Fatal(err)
	}
	var handled atomic.Int64
	var group sync.WaitGroup
	for range benchLanes {
		group.Go(func() {
			for m := range messages {
				wait(effect)
				m.Ack()
				if handled.Add(1) == int64(events) {
					cancel()
				}
			}
		})
	}
	group.Wait()
}

func wait(d time.Duration) {
	if d > 0 {
		time.Sleep(d)
	}
}
