package audit_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// topic is a topic to which tests write freely.
type topic struct {
	mu         sync.Mutex
	partitions [][]ports.TopicMessage
	begin      []int64
	reads      int
	// onRanges, when set, is called before each answer. An error that it returns is the answer.
	onRanges func() error
	// onRead, when set, is called before each message is read.
	onRead func(ports.TopicMessage) error
}

func newTopic(partitions int) *topic {
	return &topic{partitions: make([][]ports.TopicMessage, partitions), begin: make([]int64, partitions)}
}

func (f *topic) put(partition int, records ...eventsourcing.Record) {
	for _, r := range records {
		f.putMessage(ports.TopicMessage{Partition: int32(partition), Key: r.AggregateID.String(), Record: r})
	}
}

func (f *topic) putMessage(m ports.TopicMessage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m.Offset = int64(len(f.partitions[m.Partition]))
	f.partitions[m.Partition] = append(f.partitions[m.Partition], m)
}

// expire drops the messages of a partition before begin.
func (f *topic) expire(partition int, begin int64) { f.begin[partition] = begin }

func (f *topic) Ranges(context.Context) ([]ports.TopicRange, error) {
	if f.onRanges != nil {
		if err := f.onRanges(); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var ranges []ports.TopicRange
	for i, messages := range f.partitions {
		ranges = append(ranges, ports.TopicRange{Partition: int32(i), Begin: f.begin[i], End: int64(len(messages))})
	}
	return ranges, nil
}

func (f *topic) Read(ctx context.Context, r ports.TopicRange, visit func(ports.TopicMessage) error) error {
	f.mu.Lock()
	f.reads++
	messages := f.partitions[r.Partition][r.Begin:r.End]
	f.mu.Unlock()
	if r.Begin < f.begin[r.Partition] {
		return ports.ErrOffsetExpired
	}
	for _, m := range messages {
		if f.onRead != nil {
			if err := f.onRead(m); err != nil {
				return err
			}
		}
		if err := visit(m); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// shop is a store with orders in it.
type shop struct {
	*memory.Store
	orders []uuid.UUID
	all    map[uuid.UUID][]eventsourcing.Record
}

// newShop creates orders with the given numbers of events.
func newShop(t testing.TB, lengths ...int) *shop {
	t.Helper()
	s := &shop{Store: memory.New(memory.Options{}), all: make(map[uuid.UUID][]eventsourcing.Record)}
	for _, length := range lengths {
		id := uuid.Must(uuid.NewV7())
		s.orders = append(s.orders, id)
		s.append(t, id, length)
	}
	return s
}

// append commits events of an order and returns them.
func (s *shop) append(t testing.TB, id uuid.UUID, events int) []eventsourcing.Record {
	t.Helper()
	a := ports.Append{AggregateID: id, Expected: uint64(len(s.all[id])), CommandID: uuid.New()}
	for i := range events {
		n := a.Expected + uint64(i) + 1
		a.Records = append(a.Records, eventsourcing.Record{
			Header: eventsourcing.Header{
				AggregateType: "order",
				EventID:       uuid.New(), AggregateID: id, SequenceNumber: n, CommandID: a.CommandID, CorrelationID: uuid.New(),
				CausationID: a.CommandID, CreatedAt: eventsourcing.Timestamp(time.Now()),
			},
			EventType: "order.delivered", EventVersion: 1, Payload: fmt.Appendf(nil, `{"n":%d}`, n),
		})
	}
	if _, err := s.Append(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	s.all[id] = append(s.all[id], a.Records...)
	return a.Records
}

// of returns events of an order. It takes the index of the order and sequence numbers.
func (s *shop) of(order int, sequences ...uint64) (records []eventsourcing.Record) {
	for _, n := range sequences {
		records = append(records, s.all[s.orders[order]][n-1].Clone())
	}
	return records
}
