package topictest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/message"
	"orderflow/adapters/redpanda/publisher"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Bound bounds waits that only a hang makes long.
const Bound = time.Minute

// Within returns a context for something that must happen.
func Within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Bound)
	t.Cleanup(cancel)
	return ctx
}

// NewCluster starts brokers in this process.
func NewCluster(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// NewTopic returns a configuration with a new topic.
func NewTopic(brokers []string) redpanda.Config {
	return redpanda.Config{
		Brokers: brokers,
		Topic:   redpanda.Topic{Name: "events-" + uuid.NewString(), Partitions: 4, ReplicationFactor: 1},
	}
}

// NewPublisher returns a publisher that ends with the test.
func NewPublisher(t testing.TB, config redpanda.Config) *publisher.Publisher {
	t.Helper()
	p, err := publisher.New(publisher.Config{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// PublishInTime publishes and retries as long as the error allows it.
func PublishInTime(t testing.TB, p *publisher.Publisher, records ...eventsourcing.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Bound)
	defer cancel()
	for _, r := range records {
		err := p.Publish(ctx, r)
		for ctx.Err() == nil && IsRetryable(err) {
			err = p.Publish(ctx, r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// IsRetryable reports whether the runtime would retry.
func IsRetryable(err error) bool {
	return errors.Is(err, ports.ErrUnavailable) || errors.Is(err, ports.ErrOutcomeUnknown)
}

// NewMessage returns r as the message that the publisher makes of it.
func NewMessage(config redpanda.Config, r eventsourcing.Record) (*kgo.Record, error) {
	config = config.WithDefaults()
	headers, err := message.Headers[kgo.RecordHeader](r, config.Source, config.Store, config.Metadata)
	if err != nil {
		return nil, err
	}
	return &kgo.Record{Topic: config.Topic.Name, Key: message.Key(r), Value: message.Value(r), Headers: headers}, nil
}

// NewClient returns a client that does not use this adapter.
func NewClient(t testing.TB, brokers []string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	usual := []kgo.Opt{kgo.SeedBrokers(brokers...), kgo.MetadataMinAge(10 * time.Millisecond)}
	client, err := kgo.NewClient(append(usual, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// NewAdmin returns an admin client of the brokers.
func NewAdmin(t testing.TB, brokers []string) *kadm.Client {
	return kadm.NewClient(NewClient(t, brokers))
}

// History returns the first n records of a new order.
func History(n int) []eventsourcing.Record {
	aggregateID := uuid.New()
	records := make([]eventsourcing.Record, n)
	for i := range records {
		records[i] = eventsourcing.Record{
			Header: eventsourcing.Header{
				AggregateType: "order",
				EventID:       uuid.New(), AggregateID: aggregateID, SequenceNumber: uint64(i) + 1, CommandID: uuid.New(),
				CorrelationID: uuid.New(), CausationID: uuid.New(),
				CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, i*1e6, time.UTC),
			},
			EventType: "order.created", EventVersion: 1, Payload: []byte(`{"n":1}`),
		}
	}
	return records
}

// Next returns the append of the next event of an order.
func Next(id uuid.UUID, head uint64) ports.Append {
	r := History(1)[0]
	r.AggregateID, r.SequenceNumber = id, head+1
	return ports.Append{AggregateID: id, Expected: head, CommandID: r.CommandID, Records: []eventsourcing.Record{r}}
}

// ReadTopic returns everything that is in the topic at the moment, each partition in its order.
func ReadTopic(t testing.TB, config redpanda.Config) []*kgo.Record {
	t.Helper()
	reader, err := kgo.NewClient(
		kgo.SeedBrokers(config.Brokers...), kgo.ConsumeTopics(config.Topic.Name),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(10*time.Millisecond),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	missing := topicLength(t, reader, config)
	ctx, cancel := context.WithTimeout(context.Background(), Bound)
	defer cancel()
	var messages []*kgo.Record
	for missing > 0 {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d messages were read, %d are missing: %v", len(messages), missing, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			missing--
			messages = append(messages, r)
		})
	}
	return messages
}

// topicLength returns how many messages are in the topic.
func topicLength(t testing.TB, client *kgo.Client, config redpanda.Config) (length int64) {
	t.Helper()
	for deadline := time.Now().Add(Bound); ; {
		ends, err := kadm.NewClient(client).ListEndOffsets(context.Background(), config.Topic.Name)
		if err == nil {
			err = ends.Error()
		}
		// A new leader needs a moment to know that it is one.
		if errors.Is(err, kerr.NotLeaderForPartition) && time.Now().Before(deadline) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		ends.Each(func(o kadm.ListedOffset) { length += o.Offset })
		return length
	}
}

// ReadRecords returns the events that are in the topic at the moment.
func ReadRecords(t testing.TB, config redpanda.Config) []eventsourcing.Record {
	t.Helper()
	var records []eventsourcing.Record
	for _, m := range ReadTopic(t, config) {
		r, err := message.Parse(m.Headers, m.Value)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

// ContainsAll reports whether a text contains all of the parts.
func ContainsAll(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}
