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

	"orderflow/adapters/memory"
	"orderflow/application/consumer"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// typed returns n events of an aggregate of another type than those of bundle.write, after head, as
// they are stored.
func (b *bundle) typed(t *testing.T, aggregateType string, id uuid.UUID, n int) []eventsourcing.Record {
	t.Helper()
	var written []eventsourcing.Record
	for i := range n {
		record := eventsourcing.Record{
			Header: eventsourcing.Header{
				AggregateType: aggregateType, EventID: uuid.New(), AggregateID: id, SequenceNumber: uint64(i) + 1,
				CommandID: uuid.New(), CreatedAt: eventsourcing.Timestamp(time.Now()),
			},
			EventType: "test.counted", EventVersion: 1, Payload: []byte(`{}`),
		}
		_, err := b.store.Append(t.Context(), ports.Append{
			AggregateID: id, Expected: uint64(i), CommandID: record.CommandID, Records: []eventsourcing.Record{record},
		})
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, record)
	}
	return written
}

// A consumer never uses aggregates of a type that it does not take: not in delivery, not in
// catch-up, not in the check.
func TestConsumer_types(t *testing.T) {
	t.Parallel()
	ofOrders := func(c *consumer.Config) { c.Types = []string{"order"} }

	outcome(t, "passes over other types in delivery, without a hole", func(t *testing.T) {
		b, mine, other := setup(memory.New(memory.Options{}), ofOrders), uuid.New(), uuid.New()
		b.effect.setFail(poison(other))
		defer b.follow(t)()
		synctest.Wait()
		b.typed(t, "stock_item", other, 3)
		b.write(t, mine, 2)
		b.typed(t, "stock_item", uuid.New(), 1)
		<-time.After(3 * time.Hour)
		s := b.status(t)
		if s.State != ports.ConsumerRunning || s.Lag.Events != 0 || !s.Lag.Known || s.Handled != 2 || s.Parked != 0 || s.Retries != 0 {
			t.Errorf("status = %+v", s)
		}
		state, err := b.store.State(t.Context(), b.consumer.LiveView(), other)
		if err != nil || state.SequenceNumber != 0 {
			t.Errorf("state of the other aggregate = %+v, %v", state, err)
		}
	})

	outcome(t, "passes over other types in catch-up", func(t *testing.T) {
		b, mine, other := setup(memory.New(memory.Options{}), ofOrders), uuid.New(), uuid.New()
		b.typed(t, "stock_item", other, 3)
		b.write(t, mine, 2)
		defer b.follow(t)()
		synctest.Wait()
		if s := b.status(t); s.State != ports.ConsumerRunning || s.Handled != 2 || len(b.effect.of(other)) != 0 {
			t.Errorf("status = %+v, other %v", s, b.effect.of(other))
		}
	})

	outcome(t, "takes all types without a list", func(t *testing.T) {
		b, mine, other := setup(memory.New(memory.Options{})), uuid.New(), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.typed(t, "stock_item", other, 3)
		b.write(t, mine, 2)
		synctest.Wait()
		if s := b.status(t); s.Handled != 5 {
			t.Errorf("status = %+v", s)
		}
	})
}

// withStrangers is a feed that has skipped foreign messages.
type withStrangers struct{ ports.ChangeFeed }

// Strangers implements [ports.Strangers].
func (withStrangers) Strangers(string) []ports.Stranger {
	return []ports.Stranger{{Kind: "foreign", Count: 2}, {Kind: "malformed", Count: 3}}
}

// Where others may write to the feed, the event store decides what is an event.
func TestConsumer_untrustedFeed(t *testing.T) {
	t.Parallel()

	outcome(t, "a record that the event store does not have has no effect", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b, id := setup(store, silent(store), func(c *consumer.Config) { c.Untrusted = true }), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		handle := func(r eventsourcing.Record) {
			t.Helper()
			if err := b.consumer.Handle(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		first := b.write(t, id, 1)[0]
		forged := first
		forged.EventID, forged.SequenceNumber, forged.EventType = uuid.New(), 2, "forged"
		handle(forged)
		handle(first)
		handle(forged)
		stranger := forged
		stranger.AggregateID, stranger.SequenceNumber = uuid.New(), 1
		handle(stranger)
		second := b.write(t, id, 1)[0]
		otherType := second
		otherType.AggregateType = "stock_item"
		handle(otherType)
		otherID := second
		otherID.EventID = uuid.New()
		handle(otherID)
		handle(second)
		if diff := cmp.Diff([]uint64{1, 2}, b.effect.of(id)); diff != "" {
			t.Error(diff)
		}
		s := b.status(t)
		if s.Foreign != 5 || s.Handled != 2 || s.Parked != 0 || s.Retries != 0 || len(b.effect.of(stranger.AggregateID)) != 0 {
			t.Errorf("status = %+v", s)
		}
	})

	outcome(t, "what the feed passes over is counted, too", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b := setup(store, func(c *consumer.Config) { c.Untrusted, c.Feed = true, withStrangers{c.Feed} })
		defer b.follow(t)()
		synctest.Wait()
		if s := b.status(t); s.Foreign != 5 || s.State != ports.ConsumerRunning {
			t.Errorf("status = %+v", s)
		}
	})

	outcome(t, "a forged payload under the id of an event is not what is applied", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b, id := setup(store, silent(store), func(c *consumer.Config) { c.Untrusted = true }), uuid.New()
		b.effect.setFail(func(r eventsourcing.Record) error {
			if string(r.Payload) != "{}" {
				return errors.New("forged")
			}
			return nil
		})
		defer b.follow(t)()
		synctest.Wait()
		forged := b.write(t, id, 2)[1]
		forged.Payload = []byte(`{"price":0}`)
		if err := b.consumer.Handle(t.Context(), forged); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]uint64{1, 2}, b.effect.of(id)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestConsumer_failuresEndWithTheirAttempts(t *testing.T) {
	t.Parallel()
	outcome(t, "a failure that a pause has interrupted is forgotten", func(t *testing.T) {
		b, id := setup(memory.New(memory.Options{})), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.effect.setFail(func(eventsourcing.Record) error { return fmt.Errorf("broker: %w", ports.ErrUnavailable) })
		b.write(t, id, 1)
		<-time.After(time.Minute)
		if s := b.status(t); s.Failure == nil {
			t.Fatalf("status = %+v, want a failure", s)
		}
		if err := b.consumer.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if s := b.status(t); s.State != ports.ConsumerPaused || s.Failure != nil {
			t.Errorf("while it is paused: %+v", s)
		}
		b.effect.setFail(nil)
		if err := b.consumer.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Hour)
		b.write(t, id, 3)
		<-time.After(time.Hour)
		if s := b.status(t); s.State != ports.ConsumerRunning || s.Failure != nil || len(b.effect.of(id)) != 4 {
			t.Errorf("status = %+v, failure %+v, effects %v", s, s.Failure, b.effect.of(id))
		}
	})
}

// flickeringFeed ends each subscription after 50 minutes.
type flickeringFeed struct{ silentFeed }

func (f flickeringFeed) Subscribe(context.Context, string) (ports.Subscription, error) { return f, nil }

func (flickeringFeed) Next(ctx context.Context) (ports.Delivery, error) {
	select {
	case <-time.After(50 * time.Minute):
		return ports.Delivery{}, ports.ErrUnavailable
	case <-ctx.Done():
		return ports.Delivery{}, ctx.Err()
	}
}

// flakyViews fails one of so many reads of a state.
type flakyViews struct {
	*memory.Store
	calls atomic.Int64
	every int64
}

func (f *flakyViews) State(ctx context.Context, v ports.ViewID, id uuid.UUID) (ports.ViewState, error) {
	if f.calls.Add(1)%f.every == 0 {
		return ports.ViewState{}, fmt.Errorf("state: %w", ports.ErrUnavailable)
	}
	return f.Store.State(ctx, v, id)
}

// countingHeads counts the pages of heads that were read, by their cursors.
type countingHeads struct {
	*memory.Store
	first atomic.Int64
}

func (c *countingHeads) ScanHeads(ctx context.Context, after ports.Cursor, limit int) (ports.HeadPage, error) {
	if after == "" {
		c.first.Add(1)
	}
	return c.Store.ScanHeads(ctx, after, limit)
}

// Walks over all aggregates come to an end, whatever interrupts them.
func TestConsumer_walksEnd(t *testing.T) {
	t.Parallel()

	outcome(t, "the background check runs although no life is as long as its interval", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b := setup(store, func(c *consumer.Config) { c.Feed = flickeringFeed{silentFeed{store}} })
		id := uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.write(t, id, 2)
		<-time.After(48 * time.Hour)
		if s := b.status(t); !slices.Equal(b.effect.of(id), []uint64{1, 2}) || s.Reconciled != 1 {
			t.Errorf("effects %v, status %+v", b.effect.of(id), s)
		}
	})

	outcome(t, "a catch-up ends although reads fail now and then", func(t *testing.T) {
		store := memory.New(memory.Options{})
		heads := &countingHeads{Store: store}
		b := setup(store, func(c *consumer.Config) {
			c.Views, c.Store = &flakyViews{Store: store, every: 50}, heads
		})
		for range 2000 {
			b.write(t, uuid.New(), 1)
		}
		defer b.follow(t)()
		<-time.After(24 * time.Hour)
		if s := b.status(t); s.State != ports.ConsumerRunning || s.Handled != 2000 || s.Failure != nil {
			t.Errorf("status = %+v, failure %+v", s, s.Failure)
		}
		if n := heads.first.Load(); n > 24 { // one for the catch-up, and one an hour for the check
			t.Errorf("the heads were listed from the first one %d times", n)
		}
	})

	outcome(t, "a catch-up goes on after a restart where it was", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b := setup(store, func(c *consumer.Config) { c.Workers = 1 })
		for range 1000 {
			b.write(t, uuid.New(), 1)
		}
		done := atomic.Int64{}
		b.effect.setFail(func(eventsourcing.Record) error {
			if done.Add(1) > 700 {
				return ports.ErrUnavailable
			}
			return nil
		})
		stop := b.follow(t)
		<-time.After(time.Second)
		// the feed delivers it, from the offset of the first attempt
		late := b.write(t, uuid.New(), 1)[0].AggregateID
		stop()

		heads := &countingHeads{Store: store.Reopen()}
		again := setup(heads.Store, func(c *consumer.Config) { c.Store = heads })
		defer again.follow(t)()
		synctest.Wait()
		if s := again.status(t); s.State != ports.ConsumerRunning || s.Handled > 1001-512 || heads.first.Load() != 0 {
			t.Errorf("status = %+v; the heads were listed from the first one %d times", s, heads.first.Load())
		}
		if diff := cmp.Diff([]uint64{1}, again.effect.of(late)); diff != "" {
			t.Error(diff)
		}
	})

	outcome(t, "an offset that expires during a catch-up starts it again", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b := setup(store, func(c *consumer.Config) { c.Workers = 1 })
		first := b.write(t, uuid.New(), 1)[0].AggregateID
		for range 999 {
			b.write(t, uuid.New(), 1)
		}
		done := atomic.Int64{}
		b.effect.setFail(func(eventsourcing.Record) error {
			if done.Add(1) > 700 {
				return ports.ErrUnavailable
			}
			return nil
		})
		defer b.follow(t)()
		<-time.After(time.Second)
		b.write(t, first, 1) // after what was read, and the feed forgets it
		store.Expire()
		b.effect.setFail(nil)
		<-time.After(time.Minute)
		if s := b.status(t); s.State != ports.ConsumerRunning || s.Expired != 1 {
			t.Errorf("status = %+v", s)
		}
		if diff := cmp.Diff([]uint64{1, 2}, b.effect.of(first)); diff != "" {
			t.Error(diff)
		}
	})
}

// newer makes the events of some aggregates fail as a codec does that does not know their version.
func newer(ids ...uuid.UUID) func(eventsourcing.Record) error {
	return func(r eventsourcing.Record) error {
		if slices.Contains(ids, r.AggregateID) {
			return &ports.DecodeError{AggregateID: r.AggregateID, SequenceNumber: r.SequenceNumber, Newer: true, Err: errors.New("unknown version")}
		}
		return nil
	}
}

// Events of a newer program wait for such a program, and no operator has to act.
func TestConsumer_newerEvents(t *testing.T) {
	t.Parallel()

	outcome(t, "wait at once, hold nobody up, and go on after a restart with the newer program", func(t *testing.T) {
		b, id, other := setup(memory.New(memory.Options{})), uuid.New(), uuid.New()
		b.effect.setFail(newer(id))
		stop := b.follow(t)
		synctest.Wait()
		b.write(t, id, 2)
		b.write(t, other, 1)
		synctest.Wait()
		s := b.status(t)
		if s.State != ports.ConsumerParked || s.Waiting != 1 || s.Lag.Events != 0 || !slices.Equal(b.effect.of(other), []uint64{1}) {
			t.Errorf("status = %+v", s)
		}
		if parked := b.parked(t); len(parked) != 1 || parked[0].Kind != ports.FailureNewer || parked[0].Attempts != 1 {
			t.Errorf("parked = %+v", parked)
		}
		stop()
		again := setup(b.store.Reopen())
		defer again.follow(t)()
		synctest.Wait()
		if s := again.status(t); s.State != ports.ConsumerRunning || s.Parked != 0 || s.Waiting != 0 {
			t.Errorf("status after the upgrade = %+v", s)
		}
		if diff := cmp.Diff([]uint64{1, 2}, again.effect.of(id)); diff != "" {
			t.Error(diff)
		}
	})

	outcome(t, "go on although the store does not answer when the newer program starts", func(t *testing.T) {
		b, id := setup(memory.New(memory.Options{})), uuid.New()
		b.effect.setFail(newer(id))
		stop := b.follow(t)
		synctest.Wait()
		b.write(t, id, 2)
		synctest.Wait()
		stop()
		lot := &weakLot{Store: b.store.Reopen(), left: 5}
		again := setup(lot.Store, func(c *consumer.Config) { c.Parking = lot })
		defer again.follow(t)()
		<-time.After(time.Hour)
		if s := again.status(t); s.State != ports.ConsumerRunning || s.Parked != 0 || lot.left != 0 {
			t.Errorf("status after the upgrade = %+v, and the store still fails %d times", s, lot.left)
		}
		if diff := cmp.Diff([]uint64{1, 2}, again.effect.of(id)); diff != "" {
			t.Error(diff)
		}
	})

	outcome(t, "do not stop the consumer for good, however many they are", func(t *testing.T) {
		b := setup(memory.New(memory.Options{}), func(c *consumer.Config) { c.MaxParked = 2 })
		ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New()}
		b.effect.setFail(newer(ids...))
		stop := b.follow(t)
		synctest.Wait()
		for _, id := range ids {
			b.write(t, id, 1)
		}
		<-time.After(time.Hour)
		if s := b.status(t); s.State != ports.ConsumerFailing || s.Waiting != 2 || s.Lag.Events == 0 {
			t.Errorf("status = %+v, failure %+v", s, s.Failure)
		}
		stop()
		again := setup(b.store.Reopen())
		defer again.follow(t)()
		synctest.Wait()
		for _, id := range ids {
			if diff := cmp.Diff([]uint64{1}, again.effect.of(id)); diff != "" {
				t.Error(diff)
			}
		}
	})

	outcome(t, "are handed over to a process that can read them", func(t *testing.T) {
		store := memory.New(memory.Options{})
		old := process(store, store, "old")
		id := uuid.New()
		old.effect.setFail(newer(id))
		defer old.follow(t)()
		synctest.Wait()
		next := process(store, store, "new")
		defer next.follow(t)()
		<-time.After(time.Minute)
		if s := next.status(t); s.State != ports.ConsumerStandby {
			t.Fatalf("status of the new process = %+v", s)
		}
		old.write(t, id, 2)
		<-time.After(time.Minute)
		if s := next.status(t); s.State != ports.ConsumerRunning || s.Parked != 0 {
			t.Errorf("status of the new process = %+v", s)
		}
		if diff := cmp.Diff([]uint64{1, 2}, next.effect.of(id)); diff != "" {
			t.Error(diff)
		}
		if s := old.status(t); s.State != ports.ConsumerStandby {
			t.Errorf("status of the old process = %+v", s)
		}
	})

	outcome(t, "stay where they are when no other process can read them either", func(t *testing.T) {
		store := memory.New(memory.Options{})
		other := uuid.New()
		one, two := process(store, store, "one"), process(store, store, "two")
		for _, b := range []*bundle{one, two} {
			b.effect.setFail(func(r eventsourcing.Record) error {
				if r.AggregateID != other {
					return newer(r.AggregateID)(r)
				}
				return nil
			})
			defer b.follow(t)()
		}
		<-time.After(time.Minute)
		for range 30 {
			one.write(t, uuid.New(), 1)
			<-time.After(time.Minute)
		}
		// Every ten minutes each of the two may leave the lease to the other one.
		if epoch := max(one.consumer.Epoch(), two.consumer.Epoch()); epoch > 8 {
			t.Errorf("the lease has moved %d times", epoch)
		}
		one.write(t, other, 1)
		<-time.After(time.Minute)
		if got := slices.Concat(one.effect.of(other), two.effect.of(other)); !slices.Equal(got, []uint64{1}) {
			t.Errorf("others do not flow: %v", got)
		}
	})
}
