package consumer_test

import (
	"context"
	"errors"
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
		Name: "recorder", Generation: 1, Effect: b.effect,
		Store: store, Feed: store, Views: store, Registry: store,
		Now: time.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, c := range change {
		c(&config)
	}
	b.consumer = consumer.New(config)
	return b
}

// recorder is an effect that notes the sequence numbers that it was given, order by order.
type recorder struct {
	mu   sync.Mutex
	seen map[uuid.UUID][]uint64
	// fail, when set, is asked before anything is noted.
	fail func(eventsourcing.Record) error
}

func (r *recorder) Apply(_ context.Context, state []byte, records []eventsourcing.Record) (ports.Change, error) {
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
				EventID: uuid.New(), AggregateID: id, SequenceNumber: head + 1, CommandID: uuid.New(),
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
	status, err := b.consumer.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return status
}

// follow runs Pull, with Handle called at once for what it emits, until the returned function is called.
func (b *bundle) follow(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- b.consumer.Pull(ctx, func(ctx context.Context, r eventsourcing.Record, done func()) error {
			if err := b.consumer.Handle(ctx, r); err != nil {
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

func TestConsumer_Handle(t *testing.T) {
	t.Parallel()

	t.Run("applies the next event once", func(t *testing.T) {
		t.Parallel()
		b, id := setup(memory.New(memory.Options{})), uuid.New()
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

	t.Run("fills a hole from the event store", func(t *testing.T) {
		t.Parallel()
		b, id := setup(memory.New(memory.Options{})), uuid.New()
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

	t.Run("does not invent events that the store lacks", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			b, id := setup(memory.New(memory.Options{}), func(c *consumer.Config) { c.FailAfter = 1 }), uuid.New()
			r := b.write(t, id, 1)[0]
			r.SequenceNumber = 3
			ended := make(chan error, 1)
			go func() { ended <- b.consumer.Handle(ctx, r) }()
			synctest.Wait()
			if s := b.status(t); s.Failure == nil {
				t.Errorf("status = %+v, want a failure", s)
			}
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) || !errors.Is(err, ports.ErrCorrupt) {
				t.Errorf("Handle = %v, want the cause and the end of the context", err)
			}
			if got := b.effect.of(id); len(got) != 0 {
				t.Errorf("applied %v", got)
			}
		})
	})
}

func TestConsumer_Handle_failures(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"an error": func() error { return errors.New("the disk is full") },
		"a panic":  func() error { panic("a bug in a reducer") },
	} {
		t.Run("retries after "+name+" and reports it meanwhile", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, id := setup(memory.New(memory.Options{})), uuid.New()
				stop := b.follow(t)
				defer stop()
				synctest.Wait()
				b.effect.setFail(func(eventsourcing.Record) error { return fail() })
				b.write(t, id, 1)

				<-time.After(time.Minute)
				s := b.status(t)
				if s.State != ports.ConsumerFailing || s.Failure == nil || s.Failure.OrderID != id || s.Failure.SequenceNumber != 1 {
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
		})
	}

	t.Run("does not wait for another attempt once Pull has ended", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b, id := setup(memory.New(memory.Options{})), uuid.New()
			cause := errors.New("still broken")
			b.effect.setFail(func(eventsourcing.Record) error { return cause })
			stop := b.follow(t)
			synctest.Wait()
			handled := make(chan error, 1)
			go func() { handled <- b.consumer.Handle(t.Context(), b.write(t, id, 1)[0]) }()
			<-time.After(time.Minute)
			stop()
			before := time.Now()
			if err := <-handled; !errors.Is(err, cause) {
				t.Errorf("Handle = %v", err)
			}
			if waited := time.Since(before); waited > 0 {
				t.Errorf("Handle waited %s for another attempt", waited)
			}
			if s := b.status(t); s.State != ports.ConsumerStopped {
				t.Errorf("state = %s", s.State)
			}
		})
	})
}
