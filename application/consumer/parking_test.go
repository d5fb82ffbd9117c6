package consumer_test

import (
	"context"
	"errors"
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

// poison makes every event of one aggregate fail.
func poison(id uuid.UUID) func(eventsourcing.Record) error {
	return func(r eventsourcing.Record) error {
		if r.AggregateID == id {
			return errors.New("poison")
		}
		return nil
	}
}

// parked returns the parked aggregates as stored.
func (b *bundle) parked(t *testing.T) []ports.ParkedAggregate {
	t.Helper()
	page, err := b.store.Parked(t.Context(), "recorder", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return page.Aggregates
}

func TestConsumer_Parking(t *testing.T) {
	t.Parallel()

	outcome(t, "sets an order aside whose event fails again and again, and lets the others flow", func(t *testing.T) {
		for what, fail := range map[string]func(eventsourcing.Record) error{
			"an error": func(eventsourcing.Record) error { return errors.New("poison") },
			"a panic":  func(eventsourcing.Record) error { panic("poison") },
		} {
			b, bad, good := setup(memory.New(memory.Options{})), uuid.New(), uuid.New()
			stop := b.follow(t)
			synctest.Wait()
			b.write(t, bad, 1)
			synctest.Wait()
			b.effect.setFail(func(r eventsourcing.Record) error {
				if r.AggregateID == bad && r.SequenceNumber == 2 {
					return fail(r)
				}
				return nil
			})
			second := b.write(t, bad, 2)[0]
			b.write(t, good, 2)
			<-time.After(time.Minute)
			if diff := cmp.Diff([]uint64{1, 2}, b.effect.of(good)); diff != "" {
				t.Errorf("%s: %s", what, diff)
			}
			orders := b.parked(t)
			if len(orders) != 1 {
				t.Fatalf("%s: parked = %+v", what, orders)
			}
			p := orders[0]
			if p.AggregateID != bad || p.SequenceNumber != 2 || p.EventID != second.EventID || p.EventType != second.EventType ||
				p.Kind != ports.FailureBug || p.Attempts != 6 || p.FailedAt.After(p.ParkedAt) || p.Error == "" {
				t.Errorf("%s: parked = %+v", what, p)
			}
			if s := b.status(t); s.State != ports.ConsumerParked || s.Parked != 1 || !s.OldestParked.Equal(p.ParkedAt) || s.Lag.Events != 0 {
				t.Errorf("%s: status = %+v", what, s)
			}
			stop()
		}
	})

	outcome(t, "brings an order up to its last event, also when an earlier retry got halfway", func(t *testing.T) {
		lot := &weakLot{Store: memory.New(memory.Options{}), left: 1}
		b, bad := setup(lot.Store, func(c *consumer.Config) { c.Parking = lot }), uuid.New()
		b.effect.setFail(poison(bad))
		defer b.follow(t)()
		synctest.Wait()
		b.write(t, bad, 1)
		<-time.After(time.Minute)
		b.effect.setFail(nil)
		if err := b.consumer.Retry(t.Context(), bad); !errors.Is(err, ports.ErrUnavailable) {
			t.Fatalf("the first retry: error %v", err)
		}
		b.write(t, bad, 2)
		synctest.Wait()
		if err := b.consumer.Retry(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]uint64{1, 2, 3}, b.effect.of(bad)); diff != "" {
			t.Error(diff)
		}
	})

	outcome(t, "keeps an order aside across restarts, until a retry works", func(t *testing.T) {
		b, bad := setup(memory.New(memory.Options{})), uuid.New()
		b.effect.setFail(poison(bad))
		stop := b.follow(t)
		synctest.Wait()
		b.write(t, bad, 2)
		<-time.After(time.Minute)
		stop()

		again := setup(b.store.Reopen())
		again.effect.setFail(poison(bad))
		defer again.follow(t)()
		synctest.Wait()
		again.write(t, bad, 1)
		<-time.After(time.Minute)
		if s := again.status(t); s.Retries != 0 || s.Parked != 1 {
			t.Errorf("status = %+v, want nothing to be tried", s)
		}
		still := (*ports.StillParkedError)(nil)
		if err := again.consumer.Retry(t.Context(), bad); !errors.As(err, &still) || still.Parked.SequenceNumber != 1 || still.Parked.Attempts != 7 || still.Parked.RetriedAt.IsZero() {
			t.Errorf("Retry = %v", err)
		}
		again.effect.setFail(nil)
		if err := again.consumer.Retry(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
		if err := again.consumer.Retry(t.Context(), bad); !errors.Is(err, ports.ErrNotFound) {
			t.Errorf("second Retry = %v", err)
		}
		again.write(t, bad, 1)
		synctest.Wait()
		if diff := cmp.Diff([]uint64{1, 2, 3, 4}, again.effect.of(bad)); diff != "" {
			t.Error(diff)
		}
		if got := again.parked(t); len(got) != 0 {
			t.Errorf("parked = %+v", got)
		}
	})

	outcome(t, "passes over an event that is skipped, and notes why", func(t *testing.T) {
		b, bad := setup(memory.New(memory.Options{})), uuid.New()
		b.effect.setFail(func(r eventsourcing.Record) error {
			if r.SequenceNumber == 2 || r.SequenceNumber == 4 {
				return errors.New("poison")
			}
			return nil
		})
		defer b.follow(t)()
		synctest.Wait()
		b.write(t, bad, 5)
		<-time.After(time.Minute)
		still := (*ports.StillParkedError)(nil)
		if err := b.consumer.Skip(t.Context(), bad, "ticket 17"); !errors.As(err, &still) || still.Parked.SequenceNumber != 4 {
			t.Errorf("first Skip = %v, want the next one that fails", err)
		}
		if err := b.consumer.Skip(t.Context(), bad, "ticket 18"); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]uint64{1, 3, 5}, b.effect.of(bad)); diff != "" {
			t.Error(diff)
		}
		page, err := b.store.Skips(t.Context(), ports.SkipQuery{Consumer: "recorder", Limit: 10})
		if err != nil || len(page.Skips) != 2 || page.Skips[0].Reason != "ticket 17" || page.Skips[1].SequenceNumber != 4 || page.Skips[1].Error != "poison" {
			t.Errorf("skips = %+v, %v", page, err)
		}
	})

	outcome(t, "stops when too many orders fail, without passing any of them, and goes on when it is resumed", func(t *testing.T) {
		b := setup(memory.New(memory.Options{}), func(c *consumer.Config) { c.MaxParked = 2 })
		b.effect.setFail(func(eventsourcing.Record) error { return errors.New("poison") })
		stop := b.follow(t)
		synctest.Wait()
		ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New()}
		for _, id := range ids {
			b.write(t, id, 1)
		}
		<-time.After(time.Minute)
		if s := b.status(t); s.State != ports.ConsumerFailed || s.Parked != 2 || s.Failure == nil || s.Lag.Events < 2 {
			t.Fatalf("status = %+v, failure = %+v", s, s.Failure)
		}
		b.effect.setFail(nil)
		<-time.After(time.Minute)
		if s := b.status(t); s.State != ports.ConsumerFailed {
			t.Errorf("status = %+v, want it to wait for somebody", s)
		}
		if err := b.consumer.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, parked := range b.parked(t) {
			if err := b.consumer.Retry(t.Context(), parked.AggregateID); err != nil {
				t.Error(err)
			}
		}
		for _, id := range ids {
			if diff := cmp.Diff([]uint64{1}, b.effect.of(id)); diff != "" {
				t.Error(diff)
			}
		}
		stop()
	})

	outcome(t, "never passes an event that it can neither apply nor park", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b, bad := setup(store, func(c *consumer.Config) { c.Parking = noParking{store} }), uuid.New()
		b.effect.setFail(poison(bad))
		stop := b.follow(t)
		synctest.Wait()
		b.write(t, bad, 1)
		<-time.After(time.Minute)
		if s := b.status(t); s.State != ports.ConsumerFailing || s.Lag.Events != 1 {
			t.Errorf("status = %+v", s)
		}
		stop()
		again := setup(b.store.Reopen())
		defer again.follow(t)()
		synctest.Wait()
		if diff := cmp.Diff([]uint64{1}, again.effect.of(bad)); diff != "" {
			t.Error(diff)
		}
	})
}

// weakLot is a parking lot that fails to take something out for some time.
type weakLot struct {
	*memory.Store
	left int
}

func (l *weakLot) Unpark(ctx context.Context, consumer string, id uuid.UUID) error {
	if l.left > 0 {
		l.left--
		return ports.ErrUnavailable
	}
	return l.Store.Unpark(ctx, consumer, id)
}

// noParking is a parking lot that stores nothing.
type noParking struct{ *memory.Store }

func (noParking) Park(context.Context, ports.ParkedAggregate) error { return ports.ErrUnavailable }
