package consumer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/consumer"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func TestConsumer_Pull(t *testing.T) {
	t.Parallel()
	run := func(name string, test func(*testing.T)) {
		t.Run(name, func(t *testing.T) { t.Parallel(); synctest.Test(t, test) })
	}

	run("brings a new consumer up to date from the event store, then follows", func(t *testing.T) {
		b, old, fresh := setup(memory.New(memory.Options{})), uuid.New(), uuid.New()
		b.write(t, old, 3)
		b.store.Expire() // the feed does not have the events any more
		defer b.follow(t)()
		synctest.Wait()
		b.write(t, old, 1)
		b.write(t, fresh, 2)
		synctest.Wait()
		want := map[uuid.UUID][]uint64{old: {1, 2, 3, 4}, fresh: {1, 2}}
		if diff := cmp.Diff(want, b.effect.seen); diff != "" {
			t.Error(diff)
		}
		if s := b.status(t); s.State != ports.ConsumerRunning || s.Lag != (ports.Lag{Known: true}) || s.Healed != 0 {
			t.Errorf("status = %+v", s)
		}
	})

	run("resumes behind its offset without looking at the event store", func(t *testing.T) {
		b, id := setup(memory.New(memory.Options{})), uuid.New()
		stop := b.follow(t)
		synctest.Wait()
		b.write(t, id, 2)
		synctest.Wait()
		stop()

		b.write(t, id, 2)
		again := setup(b.store.Reopen(), func(c *consumer.Config) { c.Store = noStore{} })
		defer again.follow(t)()
		synctest.Wait()
		if diff := cmp.Diff([]uint64{3, 4}, again.effect.of(id)); diff != "" {
			t.Error(diff)
		}
	})

	run("catches up when its offset has expired, at start and while running", func(t *testing.T) {
		b, id := setup(memory.New(memory.Options{})), uuid.New()
		stop := b.follow(t)
		synctest.Wait()
		stop()
		b.write(t, id, 2)
		b.store.Expire()

		again := setup(b.store.Reopen())
		ctx, cancel := context.WithCancel(t.Context())
		held := make(chan struct{}) // a consumer that is slow to take its next record
		ended := make(chan error, 1)
		go func() {
			ended <- again.consumer.Pull(ctx, func(ctx context.Context, r eventsourcing.Record, done func()) error {
				<-held
				defer done()
				return again.consumer.Handle(ctx, r)
			})
		}()
		<-time.After(time.Second)
		if diff := cmp.Diff([]uint64{1, 2}, again.effect.of(id)); diff != "" {
			t.Fatal(diff)
		}
		again.write(t, id, 3)
		synctest.Wait()
		again.store.Expire()
		close(held)
		<-time.After(time.Second)
		if diff := cmp.Diff([]uint64{1, 2, 3, 4, 5}, again.effect.of(id)); diff != "" {
			t.Error(diff)
		}
		if s := again.status(t); s.State != ports.ConsumerRunning || s.Lag != (ports.Lag{Known: true}) {
			t.Errorf("status = %+v", s)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})

	run("starts a catch-up again that was cut short", func(t *testing.T) {
		b, id := setup(memory.New(memory.Options{})), uuid.New()
		b.write(t, id, 2)
		b.effect.setFail(func(eventsourcing.Record) error { return ports.ErrUnavailable })
		stop := b.follow(t)
		<-time.After(time.Second)
		if s := b.status(t); s.State != ports.ConsumerFailing || s.Failure == nil {
			t.Errorf("status while an order cannot be brought up to date = %+v", s)
		}
		stop() // the offset is at the end of the feed by now, and the order was never handled

		again := setup(b.store.Reopen())
		defer again.follow(t)()
		synctest.Wait()
		if diff := cmp.Diff([]uint64{1, 2}, again.effect.of(id)); diff != "" {
			t.Error(diff)
		}
	})

	run("parks an order that cannot be brought up to date, and follows the feed", func(t *testing.T) {
		b, bad, good := setup(memory.New(memory.Options{})), uuid.New(), uuid.New()
		b.write(t, bad, 1)
		b.write(t, good, 1)
		b.effect.setFail(poison(bad))
		defer b.follow(t)()
		<-time.After(time.Minute)
		b.write(t, good, 1)
		synctest.Wait()
		if diff := cmp.Diff([]uint64{1, 2}, b.effect.of(good)); diff != "" {
			t.Error(diff)
		}
		if s := b.status(t); s.State != ports.ConsumerParked || s.Parked != 1 {
			t.Errorf("status = %+v", s)
		}
		record, err := b.store.Consumer(t.Context(), "recorder")
		if err != nil || record.CatchingUp {
			t.Errorf("registry = %+v, %v; want the catch-up to be complete", record, err)
		}
	})

	run("reports a store that cannot be read and goes on when it can", func(t *testing.T) {
		store := memory.New(memory.Options{})
		broken := &flakyStore{Store: store, broken: true}
		b := setup(store, func(c *consumer.Config) { c.Store = broken })
		id := uuid.New()
		b.write(t, id, 1)
		defer b.follow(t)()
		<-time.After(time.Minute)
		if s := b.status(t); s.State != ports.ConsumerFailing || s.Failure == nil || s.Failure.AggregateID != uuid.Nil {
			t.Errorf("status = %+v, failure = %+v", s, s.Failure)
		}
		broken.repair()
		<-time.After(time.Minute)
		if s := b.status(t); s.State != ports.ConsumerRunning || s.Failure != nil {
			t.Errorf("status = %+v, failure = %+v", s, s.Failure)
		}
		if diff := cmp.Diff([]uint64{1}, b.effect.of(id)); diff != "" {
			t.Error(diff)
		}
	})

	run("never commits past a record that is not done", func(t *testing.T) {
		b, slow, quick := setup(memory.New(memory.Options{})), uuid.New(), uuid.New()
		ctx, cancel := context.WithCancel(t.Context())
		var first func()
		ended := make(chan error, 1)
		go func() {
			ended <- b.consumer.Pull(ctx, func(ctx context.Context, r eventsourcing.Record, done func()) error {
				if first == nil {
					first = done // its effect never happens
					return nil
				}
				defer done()
				return b.consumer.Handle(ctx, r)
			})
		}()
		synctest.Wait()
		b.write(t, slow, 1)
		b.write(t, quick, 5)
		synctest.Wait()
		if s := b.status(t); s.Lag.Events != 6 {
			t.Errorf("lag = %+v, want all 6 events, as the first is not done", s.Lag)
		}
		cancel()
		<-ended

		again := setup(b.store.Reopen())
		defer again.follow(t)()
		synctest.Wait()
		if diff := cmp.Diff(map[uuid.UUID][]uint64{slow: {1}}, again.effect.seen); diff != "" {
			t.Errorf("after a restart: %s", diff)
		}
		if s := again.status(t); s.Duplicates != 5 || s.Lag.Events != 0 {
			t.Errorf("status = %+v", s)
		}
	})
}

// noStore is an event store that must not be needed.
type noStore struct{}

func (noStore) ScanHeads(context.Context, ports.Cursor, int) (ports.HeadPage, error) {
	return ports.HeadPage{}, errors.New("the heads were read")
}

func (noStore) ListEvents(context.Context, ports.Cursor, int) (ports.RecordPage, error) {
	return ports.RecordPage{}, errors.New("the events were listed")
}

func (noStore) Load(context.Context, uuid.UUID, uint64) ([]eventsourcing.Record, error) {
	return nil, errors.New("a history was read")
}

// flakyStore cannot list its heads until it is repaired.
type flakyStore struct {
	*memory.Store
	mu     sync.Mutex
	broken bool
}

func (s *flakyStore) ScanHeads(ctx context.Context, after ports.Cursor, limit int) (ports.HeadPage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return ports.HeadPage{}, ports.ErrUnavailable
	}
	return s.Store.ScanHeads(ctx, after, limit)
}

func (s *flakyStore) repair() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = false
}
