package topictest

import (
	"context"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/adapters/memory"
	"orderflow/adapters/redpanda"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Shelf is an event store whose appends are in the topic when they are acknowledged, as with a
// publisher that is never behind.
type Shelf struct {
	*memory.Store
	Config redpanda.Config
	Admin  *kadm.Client

	producer *kgo.Client

	mu    sync.Mutex
	locks map[uuid.UUID]*sync.Mutex
}

// NewShelf creates the topic that config names.
func NewShelf(t testing.TB, config redpanda.Config) *Shelf {
	t.Helper()
	patient := config
	patient.Timeout = Bound
	// this waits until others find it as well
	if err := NewPublisher(t, patient).Connect(Within(t)); err != nil {
		t.Fatal(err)
	}
	s := &Shelf{
		Store: memory.New(memory.Options{}), Config: config, Admin: NewAdmin(t, config.Brokers),
		producer: newProducer(t, config), locks: make(map[uuid.UUID]*sync.Mutex),
	}
	t.Cleanup(func() { _, _ = s.Admin.DeleteTopic(context.Background(), config.Topic.Name) })
	return s
}

func newProducer(t testing.TB, config redpanda.Config) *kgo.Client {
	t.Helper()
	return NewClient(
		t, config.Brokers, kgo.ProducerLinger(0),
		// a real topic is not known everywhere at first
		kgo.UnknownTopicRetries(-1),
		// otherwise one fetch returns the whole backlog of a slow consumer
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	)
}

// Reopen returns the same topic and the same histories after a restart.
func (s *Shelf) Reopen() *Shelf {
	return &Shelf{Store: s.Store.Reopen(), Config: s.Config, producer: s.producer, Admin: s.Admin, locks: s.locks}
}

// Another returns another writer to the topic.
func (s *Shelf) Another(t testing.TB) *Shelf {
	t.Helper()
	other := s.Reopen()
	other.producer = newProducer(t, s.Config)
	return other
}

// Append implements ports.EventStore.
func (s *Shelf) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
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
	return appended, s.Publish(appended.Records...)
}

// Publish puts records into the topic.
func (s *Shelf) Publish(records ...eventsourcing.Record) error {
	var messages []*kgo.Record
	for _, r := range records {
		m, err := NewMessage(s.Config, r)
		if err != nil {
			return err
		}
		messages = append(messages, m)
	}
	return s.producer.ProduceSync(context.Background(), messages...).FirstErr()
}

// Send writes a message to the topic. It need not be an event.
func (s *Shelf) Send(t testing.TB, m *kgo.Record) {
	t.Helper()
	m.Topic = s.Config.Topic.Name
	if err := s.producer.ProduceSync(t.Context(), m).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// Transact publishes records in one transaction of another producer, and ends it.
func (s *Shelf) Transact(t testing.TB, end kgo.TransactionEndTry, records ...eventsourcing.Record) {
	t.Helper()
	producer, err := kgo.NewClient(
		kgo.SeedBrokers(s.Config.Brokers...), kgo.ProducerLinger(0), kgo.TransactionalID("txn-"+uuid.NewString()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if err := producer.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		m, err := NewMessage(s.Config, r)
		if err != nil {
			t.Fatal(err)
		}
		if err := producer.ProduceSync(Within(t), m).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := producer.EndTransaction(Within(t), end); err != nil {
		t.Fatal(err)
	}
}

// Expire drops everything that the topic holds.
func (s *Shelf) Expire(t testing.TB) {
	t.Helper()
	ends, err := s.Admin.ListEndOffsets(context.Background(), s.Config.Topic.Name)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	dropped, err := s.Admin.DeleteRecords(context.Background(), ends.Offsets())
	if err == nil {
		err = dropped.Error()
	}
	if err != nil {
		t.Error(err)
	}
}
