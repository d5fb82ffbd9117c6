package redpanda_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/adapters/redpanda"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// bound is for waits that end by themselves unless something hangs.
const bound = time.Minute

// newCluster starts brokers in this process.
func newCluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// configOf returns a configuration with a topic of its own.
func configOf(cluster *kfake.Cluster) redpanda.Config {
	return redpanda.Config{
		Brokers: cluster.ListenAddrs(),
		Topic:   redpanda.Topic{Name: "events-" + uuid.NewString(), Partitions: 4, ReplicationFactor: 1},
	}
}

func newPublisher(t testing.TB, config redpanda.Config) *redpanda.Publisher {
	t.Helper()
	p, err := redpanda.NewPublisher(config)
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

func publish(t *testing.T, p *redpanda.Publisher, records ...eventsourcing.Record) {
	t.Helper()
	for _, r := range records {
		if err := p.Publish(t.Context(), r); err != nil {
			t.Fatalf("sequence number %d: %v", r.SequenceNumber, err)
		}
	}
}

// publishUntilTaken does what the runtime does: it tries again, as long as the error says that this makes sense.
func publishUntilTaken(t *testing.T, p *redpanda.Publisher, r eventsourcing.Record) error {
	for deadline := time.Now().Add(bound); ; {
		err := p.Publish(t.Context(), r)
		if err == nil {
			return nil
		}
		if !isRetryable(err) || time.Now().After(deadline) {
			return fmt.Errorf("sequence number %d: %w", r.SequenceNumber, err)
		}
	}
}

func isRetryable(err error) bool {
	return errors.Is(err, ports.ErrUnavailable) || errors.Is(err, ports.ErrOutcomeUnknown)
}

// history returns the first n records of a new order.
func history(n int) []eventsourcing.Record {
	aggregateID := uuid.New()
	records := make([]eventsourcing.Record, n)
	for i := range records {
		records[i] = eventsourcing.Record{
			Header: eventsourcing.Header{
				AggregateType: "order",
				EventID:       uuid.New(), AggregateID: aggregateID, SequenceNumber: uint64(i) + 1, CommandID: uuid.New(),
				CorrelationID: uuid.New(), CausationID: uuid.New(), CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, i*1e6, time.UTC),
			},
			EventType: "order.created", EventVersion: 1, Payload: []byte(`{"n":1}`),
		}
	}
	return records
}

// readTopic returns everything that is in the topic at the moment, each partition in its order. It reads with another client than
// the one that wrote.
func readTopic(t testing.TB, config redpanda.Config) []*sarama.ConsumerMessage {
	t.Helper()
	reader, err := kgo.NewClient(
		kgo.SeedBrokers(config.Brokers...), kgo.ConsumeTopics(config.Topic.Name),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(10*time.Millisecond),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	missing := topicLength(t, config)
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	var messages []*sarama.ConsumerMessage
	for missing > 0 {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d messages were read, %d are missing: %v", len(messages), missing, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			missing--
			messages = append(messages, delivered(r))
		})
	}
	return messages
}

// topicLength returns how many messages are in the topic.
func topicLength(t testing.TB, config redpanda.Config) (length int64) {
	t.Helper()
	settings, err := config.Sarama()
	if err != nil {
		t.Fatal(err)
	}
	client, err := sarama.NewClient(config.Brokers, settings)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	partitions, err := client.Partitions(config.Topic.Name)
	if err != nil {
		t.Fatal(err)
	}
	for _, partition := range partitions {
		end, err := client.GetOffset(config.Topic.Name, partition, sarama.OffsetNewest)
		for deadline := time.Now().Add(bound); errors.Is(err, sarama.ErrNotLeaderForPartition) && time.Now().Before(deadline); {
			_ = client.RefreshMetadata(config.Topic.Name) // a new leader takes a moment to know that it is one
			end, err = client.GetOffset(config.Topic.Name, partition, sarama.OffsetNewest)
		}
		if err != nil {
			t.Fatal(err)
		}
		length += end
	}
	return length
}

func readRecords(t testing.TB, config redpanda.Config) []eventsourcing.Record {
	t.Helper()
	var records []eventsourcing.Record
	for _, m := range readTopic(t, config) {
		r, err := redpanda.NewRecord(m)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

// expectTopic wants the histories in the topic, each in order. A record may be there again, behind its first copy. It returns
// how many were.
func expectTopic(t *testing.T, config redpanda.Config, histories ...[]eventsourcing.Record) (doubled int) {
	t.Helper()
	last := map[uuid.UUID]uint64{}
	for _, r := range readRecords(t, config) {
		switch next := last[r.AggregateID] + 1; {
		case r.SequenceNumber == next:
			last[r.AggregateID] = next
		case r.SequenceNumber < next:
			doubled++
		default:
			t.Fatalf("order %s: sequence number %d comes where %d is due", r.AggregateID, r.SequenceNumber, next)
		}
	}
	for _, h := range histories {
		if got := last[h[0].AggregateID]; got != uint64(len(h)) {
			t.Fatalf("order %s: %d of %d events are there", h[0].AggregateID, got, len(h))
		}
	}
	return doubled
}

// publishTogether publishes n histories of length events, each from a goroutine of its own, and tries again where that makes
// sense. One of the goroutines calls before ahead of each of its events, with the number of those that it has published.
func publishTogether(t *testing.T, p *redpanda.Publisher, n, length int, before func(published int)) [][]eventsourcing.Record {
	t.Helper()
	histories := make([][]eventsourcing.Record, n)
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range histories {
		histories[i] = history(length)
		group.Go(func() {
			for published, r := range histories[i] {
				if i == 0 && before != nil {
					before(published)
				}
				if errs[i] = publishUntilTaken(t, p, r); errs[i] != nil {
					return
				}
			}
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return histories
}

func containsAll(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}
