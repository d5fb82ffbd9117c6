package consumer_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
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

// countedViews counts the calls of Apply, and the changes in them.
type countedViews struct {
	*memory.Store
	calls, changes atomic.Int64
	// fail, unless nil, is called before each call.
	fail func(changes []ports.Change) error
}

func (v *countedViews) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	if view.Generation > 0 {
		v.calls.Add(1)
		v.changes.Add(int64(len(changes)))
		if v.fail != nil {
			if err := v.fail(changes); err != nil {
				return err
			}
		}
	}
	return v.Store.Apply(ctx, view, changes...)
}

// Records that come together are applied together. They are as independent as if they had come one
// by one.
func TestConsumer_Handle_several(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) (b *bundle, views *countedViews, stop func()) {
		t.Helper()
		store := memory.New(memory.Options{})
		views = &countedViews{Store: store}
		b = setup(store, silent(store), func(c *consumer.Config) { c.Views = views })
		stop = b.follow(t)
		synctest.Wait()
		return b, views, stop
	}
	handle := func(t *testing.T, b *bundle, records ...eventsourcing.Record) {
		t.Helper()
		if err := b.consumer.Handle(t.Context(), records...); err != nil {
			t.Fatal(err)
		}
	}

	outcome(t, "one write for all of them, in order within each aggregate", func(t *testing.T) {
		b, views, stop := begin(t)
		defer stop()
		one, two, three := uuid.New(), uuid.New(), uuid.New()
		first, second, third := b.write(t, one, 3), b.write(t, two, 2), b.write(t, three, 1)
		handle(t, b, first[0], second[0], first[1], third[0], first[2], first[1], second[1])
		for id, n := range map[uuid.UUID]int{one: 3, two: 2, three: 1} {
			if diff := cmp.Diff([]uint64{1, 2, 3}[:n], b.effect.of(id)); diff != "" {
				t.Error(diff)
			}
		}
		if s := b.status(t); views.calls.Load() != 1 || views.changes.Load() != 3 || s.Handled != 6 || s.Duplicates != 1 {
			t.Errorf("%d calls with %d changes, status %+v", views.calls.Load(), views.changes.Load(), s)
		}
	})

	outcome(t, "a hole is filled, also within them", func(t *testing.T) {
		b, _, stop := begin(t)
		defer stop()
		id, other := uuid.New(), uuid.New()
		records, others := b.write(t, id, 6), b.write(t, other, 1)
		handle(t, b, records[1], others[0], records[4], records[5])
		if diff := cmp.Diff([]uint64{1, 2, 3, 4, 5, 6}, b.effect.of(id)); diff != "" {
			t.Error(diff)
		}
		if s := b.status(t); s.Healed != 3 || s.Handled != 7 || !slices.Equal(b.effect.of(other), []uint64{1}) {
			t.Errorf("status %+v", s)
		}
	})

	outcome(t, "a poison event parks its own aggregate, and the others have had their effects before it is tried again", func(t *testing.T) {
		b, _, stop := begin(t)
		defer stop()
		bad, good := uuid.New(), uuid.New()
		poisoned, sound := b.write(t, bad, 3), b.write(t, good, 2)
		early := atomic.Bool{}
		b.effect.setFail(func(r eventsourcing.Record) error {
			if r.AggregateID == bad && r.SequenceNumber == 2 {
				return fmt.Errorf("poison")
			}
			if r.AggregateID == good && b.status(t).Retries > 0 {
				early.Store(true)
			}
			return nil
		})
		handle(t, b, poisoned[0], poisoned[1], sound[0], poisoned[2], sound[1])
		<-time.After(time.Minute)
		if diff := cmp.Diff([][]uint64{{1}, {1, 2}}, [][]uint64{b.effect.of(bad), b.effect.of(good)}); diff != "" {
			t.Error(diff)
		}
		if parked := b.parked(t); len(parked) != 1 || parked[0].SequenceNumber != 2 || early.Load() {
			t.Errorf("parked = %+v, the others waited: %v", parked, early.Load())
		}
		b.effect.setFail(nil)
		if err := b.consumer.Retry(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]uint64{1, 2, 3}, b.effect.of(bad)); diff != "" {
			t.Error(diff)
		}
	})

	outcome(t, "a store that fails now and then costs retries and nothing else", func(t *testing.T) {
		b, views, stop := begin(t)
		defer stop()
		calls := 0
		views.fail = func(changes []ports.Change) error {
			if calls++; len(changes) > 1 || calls%3 == 0 {
				return ports.ErrUnavailable
			}
			return nil
		}
		var all []eventsourcing.Record
		ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
		for _, id := range ids {
			all = append(all, b.write(t, id, 4)...)
		}
		handle(t, b, all...)
		<-time.After(time.Minute)
		for _, id := range ids {
			state, err := b.store.State(t.Context(), b.consumer.LiveView(), id)
			if err != nil || state.SequenceNumber != 4 {
				t.Errorf("state %+v, %v", state, err)
			}
		}
		if s := b.status(t); s.Parked != 0 {
			t.Errorf("status %+v", s)
		}
	})

	outcome(t, "those of parked aggregates wait, the others do not", func(t *testing.T) {
		b, _, stop := begin(t)
		defer stop()
		bad, good := uuid.New(), uuid.New()
		b.effect.setFail(poison(bad))
		handle(t, b, b.write(t, bad, 1)[0])
		<-time.After(time.Minute)
		handle(t, b, append(b.write(t, bad, 1), b.write(t, good, 2)...)...)
		if diff := cmp.Diff([][]uint64{nil, {1, 2}}, [][]uint64{b.effect.of(bad), b.effect.of(good)}); diff != "" {
			t.Error(diff)
		}
	})

	outcome(t, "works on one aggregate at a time with everything else", func(t *testing.T) {
		b, _, stop := begin(t)
		defer stop()
		one, two := uuid.New(), uuid.New()
		records := append(b.write(t, one, 1), b.write(t, two, 1)...)
		release := b.effect.hold()
		var ended [2]atomic.Bool
		go func() { _ = b.consumer.Handle(t.Context(), records...); ended[0].Store(true) }()
		synctest.Wait()
		go func() { _ = b.consumer.Handle(t.Context(), records[1], records[0]); ended[1].Store(true) }()
		<-time.After(time.Minute)
		if s := b.status(t); ended[0].Load() || s.Duplicates > 0 {
			t.Errorf("it did not wait: status %+v", s)
		}
		release()
		synctest.Wait()
		if s := b.status(t); !ended[0].Load() || !ended[1].Load() || s.Handled != 2 || s.Duplicates != 2 {
			t.Errorf("ended %v %v, status %+v", ended[0].Load(), ended[1].Load(), s)
		}
	})
}

// countedFeed counts how often an offset is saved.
type countedFeed struct {
	*memory.Store
	saves atomic.Int64
}

func (f *countedFeed) Subscribe(ctx context.Context, consumer string) (ports.Subscription, error) {
	subscription, err := f.Store.Subscribe(ctx, consumer)
	return countedSubscription{subscription, f}, err
}

type countedSubscription struct {
	ports.Subscription
	feed *countedFeed
}

func (s countedSubscription) Commit(ctx context.Context, p ports.Position) error {
	s.feed.saves.Add(1)
	return s.Subscription.Commit(ctx, p)
}

// Records that are handled together cost one save of the offset, and it covers all of them.
func TestConsumer_SavesTheOffsetOnceForABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const records = 100
		feed := &countedFeed{Store: memory.New(memory.Options{})}
		b := setup(feed.Store, func(c *consumer.Config) { c.Feed = feed })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			var waiting []eventsourcing.Record
			var dones []func()
			ended <- b.consumer.Pull(ctx, func(ctx context.Context, r eventsourcing.Record, done func()) error {
				if waiting, dones = append(waiting, r), append(dones, done); len(waiting) < records {
					return nil
				}
				err := b.consumer.Handle(ctx, waiting...)
				for _, done := range dones {
					done()
				}
				return err
			})
		}()
		synctest.Wait()
		for range records / 10 {
			b.write(t, uuid.New(), 10)
		}
		synctest.Wait()
		if s := b.status(t); s.Handled != records || s.Lag.Events != 0 || feed.saves.Load() != 1 {
			t.Errorf("%d saves, status %+v", feed.saves.Load(), s)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Records that an earlier life has given up may be handled in a later one. Their done says nothing
// about the records of the later one, and the offset is saved all the same.
func TestConsumer_SavesTheOffsetAfterRecordsOfAnEarlierLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(memory.New(memory.Options{}))
		var records []eventsourcing.Record
		var dones []func()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- b.consumer.Pull(ctx, func(_ context.Context, r eventsourcing.Record, done func()) error {
				records, dones = append(records, r), append(dones, done)
				return nil
			})
		}()
		synctest.Wait()
		for range 3 {
			b.write(t, uuid.New(), 1)
		}
		synctest.Wait()
		if err := b.consumer.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute) // they are given up
		if err := b.consumer.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, part := range [][2]int{{0, 3}, {3, 6}} {
			if err := b.consumer.Handle(t.Context(), records[part[0]:part[1]]...); err != nil {
				t.Fatal(err)
			}
			for _, done := range dones[part[0]:part[1]] {
				done()
			}
		}
		if s := b.status(t); s.Handled != 3 || s.Duplicates != 3 || s.Lag.Events != 0 {
			t.Errorf("status %+v", s)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
