package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/fanout"
	"orderflow/adapters/memory"
	"orderflow/application/consumer"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// inOneLane runs the consumer on a router in which all aggregates share one lane.
func (b *bundle) inOneLane(t *testing.T) (stop func()) {
	t.Helper()
	router, err := fanout.New(fanout.Config{Lanes: 1}, b.consumer)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// An aggregate that fails leaves its lane: the others do not wait for its attempts.
func TestConsumer_Aside(t *testing.T) {
	t.Parallel()

	outcome(t, "the others of the lane do not wait, and the later events of the one that fails do", func(t *testing.T) {
		b, bad, good := setup(memory.New(memory.Options{})), uuid.New(), uuid.New()
		defer b.inOneLane(t)()
		begin := time.Now()
		b.effect.setFail(poison(bad))
		b.write(t, bad, 1)
		synctest.Wait()
		b.write(t, good, 2)
		b.write(t, bad, 2)
		b.write(t, good, 1)
		synctest.Wait()
		if diff := cmp.Diff([]uint64{1, 2, 3}, b.effect.of(good)); diff != "" || time.Since(begin) > 0 {
			t.Fatalf("after %s: %s", time.Since(begin), diff)
		}
		if s := b.status(t); s.Lag.Events != 6 || s.Parked != 0 {
			t.Errorf("status %+v, want an offset before the event that fails", s)
		}
		b.effect.setFail(nil)
		<-time.After(time.Minute)
		if diff := cmp.Diff([]uint64{1, 2, 3}, b.effect.of(bad)); diff != "" {
			t.Error(diff)
		}
		if s := b.status(t); s.State != ports.ConsumerRunning || s.Lag.Events != 0 || s.Handled != 6 || s.Failure != nil {
			t.Errorf("status %+v", s)
		}
		b.write(t, bad, 1) // it is in its lane again
		synctest.Wait()
		if s := b.status(t); s.Handled != 7 || s.Lag.Events != 0 {
			t.Errorf("status %+v", s)
		}
	})

	outcome(t, "it is parked after as many attempts as ever, and the offset passes it then", func(t *testing.T) {
		b, bad, good := setup(memory.New(memory.Options{})), uuid.New(), uuid.New()
		defer b.inOneLane(t)()
		b.effect.setFail(func(r eventsourcing.Record) error {
			if r.AggregateID == bad && r.SequenceNumber == 2 {
				return errors.New("poison")
			}
			return nil
		})
		b.write(t, bad, 4)
		b.write(t, good, 1)
		<-time.After(time.Minute)
		parked := b.parked(t)
		if len(parked) != 1 || parked[0].SequenceNumber != 2 || parked[0].Attempts != 6 {
			t.Errorf("parked %+v", parked)
		}
		if diff := cmp.Diff([][]uint64{{1}, {1}}, [][]uint64{b.effect.of(bad), b.effect.of(good)}); diff != "" {
			t.Error(diff)
		}
		if s := b.status(t); s.Lag.Events != 0 || s.Retries != 5 {
			t.Errorf("status %+v", s)
		}
	})

	outcome(t, "it does not wait either for one that an operator is bringing back", func(t *testing.T) {
		b, bad, good := setup(memory.New(memory.Options{})), uuid.New(), uuid.New()
		defer b.inOneLane(t)()
		b.effect.setFail(poison(bad))
		b.write(t, bad, 2)
		<-time.After(time.Minute)
		b.effect.setFail(nil)
		release := b.effect.holdOf(bad)
		retried := make(chan error, 1)
		go func() { retried <- b.consumer.Retry(t.Context(), bad) }()
		synctest.Wait()
		b.write(t, bad, 1)
		b.write(t, good, 2)
		synctest.Wait()
		if diff := cmp.Diff([]uint64{1, 2}, b.effect.of(good)); diff != "" {
			t.Error(diff)
		}
		release()
		if err := <-retried; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if diff := cmp.Diff([]uint64{1, 2, 3}, b.effect.of(bad)); diff != "" {
			t.Error(diff)
		}
		if s := b.status(t); s.Lag.Events != 0 || s.Parked != 0 || s.Failure != nil {
			t.Errorf("status %+v", s)
		}
	})

	outcome(t, "a batch with an event that fails is written once for all others", func(t *testing.T) {
		store := memory.New(memory.Options{})
		views := &countedViews{Store: store}
		b, bad := setup(store, silent(store), func(c *consumer.Config) { c.Views = views }), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.effect.setFail(poison(bad))
		records := b.write(t, bad, 2)
		for range 20 {
			records = append(records, b.write(t, uuid.New(), 2)...)
		}
		if err := b.consumer.Handle(t.Context(), records...); err != nil {
			t.Fatal(err)
		}
		if s := b.status(t); s.Handled != 40 || s.Duplicates != 0 || views.calls.Load() != 1 {
			t.Errorf("%d writes, status %+v", views.calls.Load(), s)
		}
	})

	outcome(t, "an event that only a store refuses is no different", func(t *testing.T) {
		store, bad := memory.New(memory.Options{}), uuid.New()
		views := &countedViews{Store: store, fail: func(changes []ports.Change) error {
			for _, change := range changes {
				if change.AggregateID == bad {
					return errors.New("this row is too large")
				}
			}
			return nil
		}}
		b, good := setup(store, func(c *consumer.Config) { c.Views = views }), uuid.New()
		defer b.inOneLane(t)()
		begin := time.Now()
		b.write(t, bad, 1)
		b.write(t, good, 3)
		synctest.Wait()
		state, err := store.State(t.Context(), b.consumer.LiveView(), good)
		if err != nil || state.SequenceNumber != 3 || time.Since(begin) > 0 {
			t.Errorf("after %s: %+v, %v", time.Since(begin), state, err)
		}
		<-time.After(time.Minute)
		if parked := b.parked(t); len(parked) != 1 {
			t.Errorf("parked %+v", parked)
		}
	})
}

// What an aggregate that is aside may take is bounded.
func TestConsumer_Aside_bounds(t *testing.T) {
	t.Parallel()
	outage := func(id uuid.UUID) func(eventsourcing.Record) error {
		return func(r eventsourcing.Record) error {
			if r.AggregateID == id {
				return fmt.Errorf("one partition: %w", ports.ErrUnavailable)
			}
			return nil
		}
	}
	// waitsAfter shows that good is handled beside most events that fail, and waits in its lane
	// after one more.
	waitsAfter := func(t *testing.T, b *bundle, good, failing uuid.UUID, most int) {
		t.Helper()
		b.write(t, good, 1)
		synctest.Wait()
		if diff := cmp.Diff([]uint64{1}, b.effect.of(good)); diff != "" {
			t.Error(diff)
		}
		b.write(t, failing, 1)
		synctest.Wait()
		b.write(t, good, 1)
		<-time.After(time.Minute)
		if diff := cmp.Diff([]uint64{1}, b.effect.of(good)); diff != "" {
			t.Error(diff)
		}
		b.effect.setFail(nil)
		<-time.After(time.Minute)
		if s := b.status(t); s.Handled != uint64(most)+3 || s.Lag.Events != 0 {
			t.Errorf("status %+v", s)
		}
	}

	outcome(t, "when too many fail, they are tried in their lane, which waits", func(t *testing.T) {
		b, good := setup(memory.New(memory.Options{}), func(c *consumer.Config) { c.ParkAfter = 1000 }), uuid.New()
		defer b.inOneLane(t)()
		b.effect.setFail(func(r eventsourcing.Record) error {
			if r.AggregateID != good {
				return errors.New("poison")
			}
			return nil
		})
		for range consumer.MostAside {
			b.write(t, uuid.New(), 1)
		}
		waitsAfter(t, b, good, uuid.New(), consumer.MostAside)
	})

	outcome(t, "when too many events wait for one aggregate, its lane waits", func(t *testing.T) {
		b, bad, good := setup(memory.New(memory.Options{})), uuid.New(), uuid.New()
		defer b.inOneLane(t)()
		b.effect.setFail(outage(bad))
		b.write(t, bad, consumer.MostWaiting)
		waitsAfter(t, b, good, bad, consumer.MostWaiting)
	})

	outcome(t, "the offset stays only so far behind what is delivered", func(t *testing.T) {
		b, bad, good := setup(memory.New(memory.Options{})), uuid.New(), uuid.New()
		defer b.inOneLane(t)()
		b.effect.setFail(outage(bad))
		b.write(t, bad, 1)
		synctest.Wait()
		b.many(t, good, consumer.MostAhead+100)
		<-time.After(time.Minute)
		if n := len(b.effect.of(good)); n != consumer.MostAhead-1 {
			t.Errorf("%d events were handled after the one that fails", n)
		}
		b.effect.setFail(nil)
		<-time.After(time.Minute)
		if s := b.status(t); s.Handled != consumer.MostAhead+101 || s.Lag.Events != 0 {
			t.Errorf("status %+v", s)
		}
	})
}

// What is aside ends with the life of the consumer, and comes again in the next one.
func TestConsumer_Aside_ends(t *testing.T) {
	t.Parallel()

	outcome(t, "a pause does not wait for the next attempt", func(t *testing.T) {
		b, bad, good := setup(memory.New(memory.Options{})), uuid.New(), uuid.New()
		defer b.inOneLane(t)()
		b.effect.setFail(func(r eventsourcing.Record) error {
			if r.AggregateID == bad {
				return ports.ErrUnavailable
			}
			return nil
		})
		b.write(t, bad, 2)
		b.write(t, good, 2)
		<-time.After(time.Minute)
		begin := time.Now()
		if err := b.consumer.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := b.status(t); s.State != ports.ConsumerPaused || s.Lag.Events != 4 || time.Since(begin) > 0 {
			t.Errorf("after %s: status %+v", time.Since(begin), s)
		}
		b.effect.setFail(nil)
		if err := b.consumer.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if diff := cmp.Diff([][]uint64{{1, 2}, {1, 2}}, [][]uint64{b.effect.of(bad), b.effect.of(good)}); diff != "" {
			t.Error(diff)
		}
		if s := b.status(t); s.State != ports.ConsumerRunning || s.Lag.Events != 0 {
			t.Errorf("status %+v", s)
		}
	})

	outcome(t, "a stop neither, and what was not applied comes again", func(t *testing.T) {
		b, bad, good := setup(memory.New(memory.Options{})), uuid.New(), uuid.New()
		stop := b.inOneLane(t)
		b.effect.setFail(poison(bad))
		b.write(t, bad, 2)
		b.write(t, good, 2)
		synctest.Wait()
		begin := time.Now()
		stop()
		if waited := time.Since(begin); waited > 0 {
			t.Errorf("it waited %s", waited)
		}
		again := setup(b.store.Reopen())
		defer again.inOneLane(t)()
		if diff := cmp.Diff([][]uint64{{1, 2}, nil}, [][]uint64{again.effect.of(bad), again.effect.of(good)}); diff != "" {
			t.Error(diff)
		}
		if s := again.status(t); s.Duplicates != 2 || s.Lag.Events != 0 {
			t.Errorf("status %+v", s)
		}
	})

	outcome(t, "an attempt in progress is waited for", func(t *testing.T) {
		b, bad := setup(memory.New(memory.Options{})), uuid.New()
		stop := b.inOneLane(t)
		b.effect.setFail(poison(bad))
		b.write(t, bad, 1)
		synctest.Wait()
		release := b.effect.hold()
		<-time.After(time.Second) // the second attempt has begun
		b.effect.setFail(nil)
		var stopped atomic.Bool
		go func() { stop(); stopped.Store(true) }()
		<-time.After(time.Second)
		if stopped.Load() {
			t.Error("it did not wait")
		}
		release()
		synctest.Wait()
		if diff := cmp.Diff([]uint64{1}, b.effect.of(bad)); diff != "" || !stopped.Load() {
			t.Errorf("stopped %v, %s", stopped.Load(), diff)
		}
		again := setup(b.store.Reopen())
		defer again.inOneLane(t)()
		if s := again.status(t); s.Duplicates != 0 || s.Lag.Events != 0 {
			t.Errorf("status %+v, want the offset after it", s)
		}
	})
}

// many appends n events to id, in commits of 100.
func (b *bundle) many(t *testing.T, id uuid.UUID, n int) {
	t.Helper()
	for head := 0; head < n; {
		var records []eventsourcing.Record
		command := uuid.New()
		for i := range min(100, n-head) {
			records = append(records, eventsourcing.Record{
				Header: eventsourcing.Header{
					AggregateType: "order", EventID: uuid.New(), AggregateID: id, SequenceNumber: uint64(head+i) + 1,
					CommandID: command, CreatedAt: eventsourcing.Timestamp(time.Now()),
				},
				EventType: "test.happened", EventVersion: 1, Payload: []byte(`{}`),
			})
		}
		_, err := b.store.Append(t.Context(), ports.Append{
			AggregateID: id, Expected: uint64(head), CommandID: command, Records: records,
		})
		if err != nil {
			t.Fatal(err)
		}
		head += len(records)
	}
}

// While a consumer catches up, it does not wait for aggregates that fail.
func TestConsumer_CatchUpAside(t *testing.T) {
	t.Parallel()

	outcome(t, "the others are brought up before the first ones that fail are tried again", func(t *testing.T) {
		b := setup(memory.New(memory.Options{}), func(c *consumer.Config) { c.Workers = 1 })
		const good = 360
		var bad []uuid.UUID
		for i := range good + 40 {
			id := uuid.New()
			if b.write(t, id, 2); i%10 == 0 {
				bad = append(bad, id)
			}
		}
		b.effect.setFail(func(r eventsourcing.Record) error {
			if slices.Contains(bad, r.AggregateID) {
				return errors.New("poison")
			}
			return nil
		})
		begin := time.Now()
		defer b.inOneLane(t)()
		s := b.status(t)
		if s.Handled != 2*good || s.State != ports.ConsumerCatchingUp || s.Parked > 0 || time.Since(begin) > 0 {
			t.Errorf("after %s: status %+v, want a catch-up that is not over", time.Since(begin), s)
		}
		<-time.After(time.Minute)
		parked := b.parked(t)
		if len(parked) != len(bad) || parked[0].SequenceNumber != 1 || parked[0].Attempts != 6 {
			t.Errorf("%d parked, the first one %+v", len(parked), parked[:min(1, len(parked))])
		}
		if s := b.status(t); s.State != ports.ConsumerParked || s.Handled != 2*good {
			t.Errorf("status %+v", s)
		}
	})

	outcome(t, "no more of them are aside than there is room for, and all get their turn", func(t *testing.T) {
		b := setup(memory.New(memory.Options{}), func(c *consumer.Config) { c.Workers = 1 })
		const count = 300
		for range count {
			b.write(t, uuid.New(), 1)
		}
		b.effect.setFail(func(eventsourcing.Record) error { return errors.New("poison") })
		defer b.inOneLane(t)()
		<-time.After(10 * time.Minute)
		if s := b.status(t); s.State != ports.ConsumerParked || s.Parked != count {
			t.Errorf("status %+v", s)
		}
	})
}
