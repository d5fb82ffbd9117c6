package fanout_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderflow/adapters/fanout"
	"orderflow/domain/eventsourcing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// emitFunc is the type of the function that Pull gets.
type emitFunc = func(ctx context.Context, record eventsourcing.Record, done func()) error

// consumer is a fanout.Consumer made of functions.
type consumer struct {
	name   string
	pull   func(ctx context.Context, emit emitFunc) error
	handle func(ctx context.Context, record eventsourcing.Record) error
	// handleAll, when set, takes the place of handle.
	handleAll func(ctx context.Context, records []eventsourcing.Record) error
}

func (c *consumer) Name() string { return c.name }

func (c *consumer) Pull(ctx context.Context, emit func(context.Context, eventsourcing.Record, func()) error) error {
	return c.pull(ctx, emit)
}

func (c *consumer) Handle(ctx context.Context, records ...eventsourcing.Record) error {
	if c.handleAll != nil {
		return c.handleAll(ctx, records)
	}
	for _, record := range records {
		if err := c.handle(ctx, record); err != nil {
			return err
		}
	}
	return nil
}

// journal records what happened to records, in order.
type journal struct {
	mu      sync.Mutex
	entries map[string][]eventsourcing.Record
}

func (j *journal) note(what string, record eventsourcing.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.entries == nil {
		j.entries = make(map[string][]eventsourcing.Record)
	}
	j.entries[what] = append(j.entries[what], record)
}

// of returns the records of one kind of note, by aggregate.
func (j *journal) of(what string) map[uuid.UUID][]uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	byAggregate := make(map[uuid.UUID][]uint64)
	for _, r := range j.entries[what] {
		byAggregate[r.AggregateID] = append(byAggregate[r.AggregateID], r.SequenceNumber)
	}
	return byAggregate
}

func (j *journal) count(what string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.entries[what])
}

// emitting returns a Pull that emits records, notes "emitted" and "done", and then waits for the
// end.
func (j *journal) emitting(records []eventsourcing.Record) func(context.Context, emitFunc) error {
	return func(ctx context.Context, emit emitFunc) error {
		for _, r := range records {
			if err := emit(ctx, r, func() { j.note("done", r) }); err != nil {
				return nil
			}
			j.note("emitted", r)
		}
		<-ctx.Done()
		return nil
	}
}

// handling returns a Handle that notes "handled".
func (j *journal) handling(_ context.Context, record eventsourcing.Record) error {
	j.note("handled", record)
	return nil
}

func newRecord(aggregateID uuid.UUID, sequenceNumber uint64) eventsourcing.Record {
	return eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType:  "order",
			EventID:        uuid.New(),
			AggregateID:    aggregateID,
			SequenceNumber: sequenceNumber,
			CommandID:      uuid.New(),
			CorrelationID:  uuid.New(),
		},
		EventType:    "order.created",
		EventVersion: 1,
		Payload:      []byte(`{"sku":"A-1"}`),
	}
}

// history returns the first n records of an aggregate.
func history(aggregateID uuid.UUID, n int) []eventsourcing.Record {
	var records []eventsourcing.Record
	for i := range n {
		records = append(records, newRecord(aggregateID, uint64(i)+1))
	}
	return records
}

// interleaved returns n records of each of several aggregates, one of each in turn.
func interleaved(aggregates []uuid.UUID, n int) []eventsourcing.Record {
	var records []eventsourcing.Record
	for i := range n {
		for _, a := range aggregates {
			records = append(records, newRecord(a, uint64(i)+1))
		}
	}
	return records
}

func numbers(n int) []uint64 {
	all := make([]uint64, n)
	for i := range all {
		all[i] = uint64(i) + 1
	}
	return all
}

func newIDs(n int) []uuid.UUID {
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = uuid.Must(uuid.NewV7())
	}
	return ids
}

// apart returns two aggregates in different lanes.
func apart(lanes int) (a, b uuid.UUID) {
	a = uuid.New()
	for b = uuid.New(); fanout.LaneOf(a, lanes) == fanout.LaneOf(b, lanes); {
		b = uuid.New()
	}
	return a, b
}

// running is a router under test.
type running struct {
	t      *testing.T
	cancel func()
	ended  chan error
}

// run starts a router and waits until it runs. The test ends it with stop.
//
// A message carries one record, unless the configuration says how many: what the tests below say of
// a record holds for a message, whatever it carries. See batch_test.go for several.
func run(t *testing.T, config fanout.Config, consumers ...fanout.Consumer) *running {
	t.Helper()
	config.Batch = max(config.Batch, 1)
	router, err := fanout.New(config, consumers...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, cancel: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- router.Run(ctx) }()
	<-router.Running()
	return r
}

// stop ends the router and checks that it ends without an error.
func (r *running) stop() {
	r.t.Helper()
	r.cancel()
	if err := <-r.ended; err != nil {
		r.t.Errorf("Run returned %v", err)
	}
}
