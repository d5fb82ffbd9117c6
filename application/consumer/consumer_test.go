package consumer_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderflow/adapters/memory"
	"orderflow/application/consumer"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bundle is a consumer over a store in memory, with an effect that records what it was asked to do.
type bundle struct {
	store    *memory.Store
	effect   *recorder
	consumer *consumer.Consumer
}

func setup(store *memory.Store, change ...func(*consumer.Config)) *bundle {
	b := &bundle{store: store, effect: &recorder{seen: map[uuid.UUID][]uint64{}}}
	config := consumer.Config{
		Name: "recorder", Version: 1, Effect: b.effect,
		Store: store, Feed: store, Views: store, Registry: store, Parking: store, Skips: store,
		Now: time.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, c := range change {
		c(&config)
	}
	b.consumer = consumer.New(config)
	return b
}

// recorder is an effect that records the sequence numbers that it was given, for each aggregate.
type recorder struct {
	mu   sync.Mutex
	seen map[uuid.UUID][]uint64
	// held, unless nil, is waited for first: by everything, or only by the aggregate heldOf.
	held   chan struct{}
	heldOf uuid.UUID
	// fail, unless nil, is called before anything is recorded.
	fail func(eventsourcing.Record) error
}

func (r *recorder) Apply(_ context.Context, state []byte, records []eventsourcing.Record) (ports.Change, error) {
	r.mu.Lock()
	held, of := r.held, r.heldOf
	r.mu.Unlock()
	if held != nil && (of == uuid.Nil || of == records[0].AggregateID) {
		<-held
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, record := range records {
		if r.fail != nil {
			if err := r.fail(record); err != nil {
				return ports.Change{}, err
			}
		}
	}
	for _, record := range records {
		r.seen[record.AggregateID] = append(r.seen[record.AggregateID], record.SequenceNumber)
	}
	return ports.Change{State: ports.ViewState{Data: append(state, '+')}}, nil
}

// hold keeps every effect waiting until the returned function is called.
func (r *recorder) hold() (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = make(chan struct{})
	return sync.OnceFunc(func() { close(r.held) })
}

// holdOf keeps the effects on one aggregate waiting.
func (r *recorder) holdOf(id uuid.UUID) (release func()) {
	release = r.hold()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heldOf = id
	return release
}

func (r *recorder) setFail(fail func(eventsourcing.Record) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = fail
}

func (r *recorder) of(id uuid.UUID) []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]uint64(nil), r.seen[id]...)
}

// write appends n events to id.
func (b *bundle) write(t *testing.T, id uuid.UUID, n int) []eventsourcing.Record {
	t.Helper()
	history, err := b.store.Load(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	var written []eventsourcing.Record
	for i := range n {
		head := uint64(len(history) + i)
		record := eventsourcing.Record{
			Header: eventsourcing.Header{
				AggregateType: "order",
				EventID:       uuid.New(), AggregateID: id, SequenceNumber: head + 1, CommandID: uuid.New(),
				CreatedAt: eventsourcing.Timestamp(time.Now()),
			},
			EventType: "test.happened", EventVersion: 1, Payload: []byte(`{}`),
		}
		_, err := b.store.Append(t.Context(), ports.Append{
			AggregateID: id, Expected: head, CommandID: record.CommandID,
			Records: []eventsourcing.Record{record},
		})
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, record)
	}
	return written
}

func (b *bundle) status(t *testing.T) ports.ConsumerStatus {
	t.Helper()
	return b.consumer.Status(t.Context())
}

// follow runs Pull, with Handle called at once for what it emits, until the returned function is
// called.
func (b *bundle) follow(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- b.consumer.Pull(ctx, func(ctx context.Context, r eventsourcing.Record, done func()) error {
			if err := b.consumer.Handle(context.WithoutCancel(ctx), r); err != nil {
				return err
			}
			done()
			return nil
		})
	}()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Pull = %v, want nil after its context ended", err)
		}
	}
}

// silentFeed is a feed in which nothing happens, so that a consumer handles only what a test gives
// it.
type silentFeed struct{ *memory.Store }

func (f silentFeed) Subscribe(context.Context, string) (ports.Subscription, error) { return f, nil }

func (silentFeed) Next(ctx context.Context) (ports.Delivery, error) {
	<-ctx.Done()
	return ports.Delivery{}, ctx.Err()
}

func (silentFeed) Commit(context.Context, ports.Position) error { return nil }

func (silentFeed) Close() error { return nil }

func silent(store *memory.Store) func(*consumer.Config) {
	return func(c *consumer.Config) { c.Feed = silentFeed{store} }
}

// outcome runs test in a bubble.
func outcome(t *testing.T, name string, test func(*testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { t.Parallel(); synctest.Test(t, test) })
}

func TestConsumer_Handle(t *testing.T) {
	t.Parallel()

	outcome(t, "applies the next event once", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b, id := setup(store, silent(store)), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		for _, r := range b.write(t, id, 3) {
			for range 2 {
				if err := b.consumer.Handle(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
		}
		if diff := cmp.Diff([]uint64{1, 2, 3}, b.effect.of(id)); diff != "" {
			t.Error(diff)
		}
		state, err := b.store.State(t.Context(), ports.ViewID{Consumer: "recorder", Generation: 1}, id)
		if err != nil || state.SequenceNumber != 3 || string(state.Data) != "+++" {
			t.Errorf("state = %+v, %v", state, err)
		}
		if s := b.status(t); s.Handled != 3 || s.Duplicates != 3 || s.Healed != 0 {
			t.Errorf("status = %+v", s)
		}
	})

	outcome(t, "fills a hole from the event store", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b, id := setup(store, silent(store)), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		written := b.write(t, id, 5)
		for _, r := range []eventsourcing.Record{written[0], written[3], written[1], written[4]} {
			if err := b.consumer.Handle(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]uint64{1, 2, 3, 4, 5}, b.effect.of(id)); diff != "" {
			t.Error(diff)
		}
		if s := b.status(t); s.Handled != 5 || s.Healed != 2 || s.Duplicates != 2 {
			t.Errorf("status = %+v, want 5 handled, 2 healed (2 and 3), 2 duplicates (2 and 5)", s)
		}
	})

	outcome(t, "does not invent events that the store lacks", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b, id := setup(store, silent(store)), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		r := b.write(t, id, 1)[0]
		r.SequenceNumber = 3
		if err := b.consumer.Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if got := b.effect.of(id); len(got) != 0 {
			t.Errorf("applied %v", got)
		}
		page, err := store.Parked(t.Context(), "recorder", "", 10)
		if err != nil || len(page.Aggregates) != 1 || page.Aggregates[0].SequenceNumber != 3 || page.Aggregates[0].Kind != ports.FailureStore {
			t.Errorf("parked = %+v, %v; want event 3", page, err)
		}
	})

	outcome(t, "does nothing while the consumer does not run", func(t *testing.T) {
		b, id := setup(memory.New(memory.Options{})), uuid.New()
		if err := b.consumer.Handle(t.Context(), b.write(t, id, 1)[0]); err != nil {
			t.Fatal(err)
		}
		if got := b.effect.of(id); len(got) != 0 {
			t.Errorf("applied %v", got)
		}
	})
}

func TestConsumer_Handle_failures(t *testing.T) {
	t.Parallel()
	outcome(t, "retries for as long as the store or the target cannot be reached, and reports it meanwhile", func(t *testing.T) {
		b, id := setup(memory.New(memory.Options{})), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.effect.setFail(func(eventsourcing.Record) error { return fmt.Errorf("broker: %w", ports.ErrUnavailable) })
		b.write(t, id, 1)

		<-time.After(time.Minute)
		s := b.status(t)
		if s.State != ports.ConsumerFailing || s.Failure == nil || s.Failure.AggregateID != id || s.Failure.SequenceNumber != 1 || s.Parked != 0 {
			t.Fatalf("status = %+v, failure = %+v", s, s.Failure)
		}
		if n := s.Failure.Attempts; n < 5 || n > 30 {
			t.Errorf("%d attempts in a minute, want growing pauses up to ten seconds", n)
		}
		if s.Lag.Events != 1 || s.Lag.Age < 59*time.Second {
			t.Errorf("lag = %+v, want one event, a minute old", s.Lag)
		}
		b.effect.setFail(nil)
		<-time.After(time.Minute)
		s = b.status(t)
		if s.State != ports.ConsumerRunning || s.Failure != nil || s.Lag != (ports.Lag{Known: true}) {
			t.Errorf("after it worked, status = %+v, failure = %+v", s, s.Failure)
		}
		if diff := cmp.Diff([]uint64{1}, b.effect.of(id)); diff != "" {
			t.Error(diff)
		}
	})

	outcome(t, "does not wait for another attempt once Pull has ended", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b, id := setup(store, silent(store)), uuid.New()
		b.effect.setFail(func(eventsourcing.Record) error { return ports.ErrUnavailable })
		stop := b.follow(t)
		synctest.Wait()
		handled := make(chan error, 1)
		go func() { handled <- b.consumer.Handle(t.Context(), b.write(t, id, 1)[0]) }()
		<-time.After(time.Minute)
		before := time.Now()
		stop()
		if err := <-handled; err != nil {
			t.Errorf("Handle = %v", err)
		}
		if waited := time.Since(before); waited > 0 {
			t.Errorf("Handle waited %s for another attempt", waited)
		}
		if s := b.status(t); s.State != ports.ConsumerStopped {
			t.Errorf("state = %s", s.State)
		}
	})
}
