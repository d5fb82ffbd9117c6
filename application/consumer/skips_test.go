package consumer_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/consumer"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

func repairable(store *memory.Store) func(*consumer.Config) {
	return func(c *consumer.Config) { c.Repairer = store }
}

// parkAndSkip parks the second of three events of an aggregate and skips it. fail says what the
// effect fails on, and bug is called when it does.
func parkAndSkip(t *testing.T, b *bundle, fail func(func(eventsourcing.Record) error), bug func()) uuid.UUID {
	t.Helper()
	id := uuid.New()
	fail(func(r eventsourcing.Record) error {
		if r.AggregateID == id && r.SequenceNumber == 2 {
			bug()
			return errors.New("a bug")
		}
		return nil
	})
	b.write(t, id, 3)
	<-time.After(time.Minute)
	if err := b.consumer.Skip(t.Context(), id, "a bug"); err != nil {
		t.Fatal(err)
	}
	return id
}

// A skipped event is skipped everywhere, until the decision is taken back.
func TestConsumer_Skip_oneRuleEverywhere(t *testing.T) {
	t.Parallel()
	outcome(t, "a panic of the reducer can be skipped", func(t *testing.T) {
		b := setup(memory.New(memory.Options{}))
		defer b.follow(t)()
		synctest.Wait()
		id := parkAndSkip(t, b, b.effect.setFail, func() { panic("a bug") })
		if diff := cmp.Diff([]uint64{1, 3}, b.effect.of(id)); diff != "" {
			t.Error(diff)
		}
		if s := b.status(t); s.State != ports.ConsumerRunning || s.Parked != 0 {
			t.Errorf("status = %+v", s)
		}
	})

	outcome(t, "a panic while catching up names the event", func(t *testing.T) {
		b, id := setup(memory.New(memory.Options{})), uuid.New()
		b.effect.setFail(func(r eventsourcing.Record) error {
			if r.SequenceNumber == 2 {
				panic("a bug")
			}
			return nil
		})
		b.write(t, id, 3)
		defer b.follow(t)()
		<-time.After(time.Minute)
		if parked := b.parked(t); len(parked) != 1 || parked[0].SequenceNumber != 2 || parked[0].Kind != ports.FailureBug {
			t.Fatalf("parked = %+v", parked)
		}
		if err := b.consumer.Skip(t.Context(), id, "a bug"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]uint64{1, 3}, b.effect.of(id)); diff != "" {
			t.Error(diff)
		}
	})

	outcome(t, "the event stays skipped when the bug is gone: in delivery, rebuild and repair", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b := setupTable(store, 1, repairable(store))
		stop := b.follow(t)
		synctest.Wait()
		id := parkAndSkip(t, b.bundle, b.counting.setFail, func() {})
		b.counting.setFail(nil)
		b.write(t, id, 1)
		synctest.Wait()
		if got := b.row(t, id); got != 3 {
			t.Errorf("after delivery the row counts %d events, want 3 of 4", got)
		}
		if err := b.consumer.RepairAggregate(t.Context(), id, nil); err != nil {
			t.Fatal(err)
		}
		if got := b.row(t, id); got != 3 {
			t.Errorf("after a repair the row counts %d events, want 3 of 4", got)
		}
		if err := b.consumer.Rebuild(t.Context(), ports.RebuildRequest{}); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if s := b.status(t); s.Rebuild == nil || s.Rebuild.Phase != ports.RebuildSwitched || b.row(t, id) != 3 {
			t.Errorf("after a rebuild the row counts %d events, status %+v", b.row(t, id), s.Rebuild)
		}
		stop()

		again := setupTable(store.Reopen(), 1)
		defer again.follow(t)()
		synctest.Wait()
		if _, err := again.consumer.Reset(t.Context(), ports.ResetRequest{Force: true}); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if got := again.row(t, id); got != 3 {
			t.Errorf("after a restart and a reset the row counts %d events, want 3 of 4", got)
		}
	})

	outcome(t, "the decision can be taken back, and the view has the event", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b := setupTable(store, 1, repairable(store))
		defer b.follow(t)()
		synctest.Wait()
		id := parkAndSkip(t, b.bundle, b.counting.setFail, func() {})
		b.counting.setFail(nil)
		if err := b.consumer.Unskip(t.Context(), id, 1); !errors.Is(err, ports.ErrNotFound) {
			t.Errorf("unskip of an event that is not skipped: %v", err)
		}
		if err := b.consumer.Unskip(t.Context(), id, 2); err != nil {
			t.Fatal(err)
		}
		if got := b.row(t, id); got != 3 {
			t.Errorf("the row counts %d events, want 3", got)
		}
		page, err := b.consumer.ListSkips(t.Context(), ports.SkipQuery{Limit: 10})
		if err != nil || len(page.Skips) != 0 {
			t.Errorf("skips = %+v, %v", page, err)
		}
		b.write(t, id, 1)
		synctest.Wait()
		if got := b.row(t, id); got != 4 {
			t.Errorf("the row counts %d events, want 4", got)
		}
	})

	outcome(t, "a publisher does not publish a skipped event late", func(t *testing.T) {
		b := setup(memory.New(memory.Options{}))
		defer b.follow(t)()
		synctest.Wait()
		id := parkAndSkip(t, b, b.effect.setFail, func() {})
		b.effect.setFail(nil)
		refused := (*ports.RefusedError)(nil)
		if err := b.consumer.Unskip(t.Context(), id, 2); !errors.As(err, &refused) {
			t.Errorf("unskip = %v, want a refusal", err)
		}
		if diff := cmp.Diff([]uint64{1, 3}, b.effect.of(id)); diff != "" {
			t.Error(diff)
		}
	})
}

// Repair works whatever was in the view.
func TestConsumer_RepairAggregate_whateverIsThere(t *testing.T) {
	t.Parallel()
	outcome(t, "removes an aggregate that has no events", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b, stranger := setupTable(store, 1, func(c *consumer.Config) { c.Repairer = store }), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.tamper(t, stranger, 3)
		if err := b.consumer.RepairAggregate(t.Context(), stranger, []projection.Row{{stranger, int64(99)}}); err != nil {
			t.Fatal(err)
		}
		state, err := store.State(t.Context(), b.consumer.LiveView(), stranger)
		if got := b.row(t, stranger); got != -1 || state.SequenceNumber != 0 || err != nil {
			t.Errorf("row %d, state %+v, %v", got, state, err)
		}
	})

	outcome(t, "puts a state back that is ahead of its history", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b, id := setupTable(store, 1, func(c *consumer.Config) { c.Repairer = store }), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.write(t, id, 2)
		synctest.Wait()
		b.tamper(t, id, 7)
		if err := b.consumer.RepairAggregate(t.Context(), id, nil); err != nil {
			t.Fatal(err)
		}
		if got := b.row(t, id); got != 2 {
			t.Errorf("the row counts %d events, want 2", got)
		}
		b.write(t, id, 1)
		synctest.Wait()
		if got := b.row(t, id); got != 3 {
			t.Errorf("the row counts %d events, want 3", got)
		}
	})
}
