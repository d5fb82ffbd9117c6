package redpanda_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/adapters/memory"
	"orderflow/adapters/redpanda"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// shelf is an event store whose appends are in the topic when they are acknowledged, as a publisher that is never behind would
// have it.
type shelf struct {
	*memory.Store
	config   redpanda.Config
	producer *kgo.Client
	admin    sarama.ClusterAdmin

	mu    sync.Mutex
	locks map[uuid.UUID]*sync.Mutex
}

// newTopic returns a configuration with a topic of its own.
func newTopic(brokers []string) redpanda.Config {
	return redpanda.Config{Brokers: brokers, Topic: redpanda.Topic{Name: "events-" + uuid.NewString(), Partitions: 4, ReplicationFactor: 1}}
}

// newShelf creates the topic that config names.
func newShelf(t testing.TB, config redpanda.Config) *shelf {
	t.Helper()
	settings, err := config.Sarama()
	if err != nil {
		t.Fatal(err)
	}
	admin, err := sarama.NewClusterAdmin(config.Brokers, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	patient := config
	patient.Timeout = bound
	if err := newPublisher(t, patient).Connect(within(t)); err != nil { // which waits until others find it, too
		t.Fatal(err)
	}
	producer := newProducer(t, config)
	t.Cleanup(func() {
		_ = admin.DeleteTopic(config.Topic.Name)
	})
	return &shelf{
		Store: memory.New(memory.Options{}), config: config, producer: producer, admin: admin, locks: make(map[uuid.UUID]*sync.Mutex),
	}
}

// Append implements ports.EventStore.
func (s *shelf) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	s.mu.Lock()
	lock := s.locks[a.AggregateID]
	if lock == nil {
		lock = new(sync.Mutex)
		s.locks[a.AggregateID] = lock
	}
	s.mu.Unlock()
	lock.Lock()
	defer lock.Unlock()
	appended, err := s.Store.Append(ctx, a)
	if err != nil || appended.Duplicate {
		return appended, err
	}
	return appended, s.publish(appended.Records...)
}

func (s *shelf) publish(records ...eventsourcing.Record) error {
	var messages []*kgo.Record
	for _, r := range records {
		m, err := s.config.NewMessage(r)
		if err != nil {
			return err
		}
		messages = append(messages, m)
	}
	return s.producer.ProduceSync(context.Background(), messages...).FirstErr()
}

func newProducer(t testing.TB, config redpanda.Config) *kgo.Client {
	t.Helper()
	producer, err := kgo.NewClient(
		kgo.SeedBrokers(config.Brokers...), kgo.ProducerLinger(0), kgo.MetadataMinAge(10*time.Millisecond),
		kgo.UnknownTopicRetries(-1),                       // a real topic is not known everywhere in its first moments
		kgo.ProducerBatchCompression(kgo.NoCompression()), // else one fetch has the whole backlog of a slow consumer
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	return producer
}

// send puts a message into the topic that need not be an event.
func (s *shelf) send(t testing.TB, m *kgo.Record) {
	t.Helper()
	m.Topic = s.config.Topic.Name
	if err := s.producer.ProduceSync(t.Context(), m).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// publishInTime publishes, again and again while the error says that this makes sense.
func publishInTime(t testing.TB, p *redpanda.Publisher, records ...eventsourcing.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	for _, r := range records {
		err := p.Publish(ctx, r)
		for ctx.Err() == nil && (errors.Is(err, ports.ErrUnavailable) || errors.Is(err, ports.ErrOutcomeUnknown)) {
			err = p.Publish(ctx, r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// expire drops everything that the topic holds.
func (s *shelf) expire(t testing.TB) {
	t.Helper()
	ends := make(map[int32]int64)
	for _, r := range rangesOf(t, s.config) {
		ends[r.Partition] = r.End
	}
	if err := s.admin.DeleteRecords(s.config.Topic.Name, ends); err != nil {
		t.Error(err)
	}
}

func rangesOf(t testing.TB, config redpanda.Config) []ports.TopicRange {
	t.Helper()
	reader := newTopicReader(t, config)
	ranges, err := reader.Ranges(context.Background()) // also in a cleanup
	if err != nil {
		t.Fatal(err)
	}
	return ranges
}

func newTopicReader(t testing.TB, config redpanda.Config) *redpanda.TopicReader {
	t.Helper()
	reader, err := redpanda.NewTopicReader(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	return reader
}

// feedConfig fits the feed to brokers in this process.
func feedConfig(config redpanda.Config) redpanda.FeedConfig {
	return redpanda.FeedConfig{
		Config: config, GroupPrefix: config.Topic.Name + ".",
		Heartbeat: 20 * time.Millisecond, CommitInterval: 5 * time.Millisecond, HandOver: bound, FetchWait: 5 * time.Millisecond,
	}
}

func newFeed(t testing.TB, config redpanda.FeedConfig) *redpanda.Feed {
	t.Helper()
	f, err := redpanda.NewFeed(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// closeBoth is for a harness of a feed and its store.
func closeBoth(f *redpanda.Feed, s *memory.Store) func() error {
	return func() error { return errors.Join(f.Close(), s.Close()) }
}
