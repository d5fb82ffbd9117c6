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
	"orderflow/domain/projection"
	"orderflow/ports"
)

func TestConsumer_Reconcile(t *testing.T) {
	t.Parallel()

	outcome(t, "brings up what the feed has lost, and counts it", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b, lost, parked := setup(store, silent(store)), uuid.New(), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.effect.setFail(poison(parked))
		if err := b.consumer.Handle(t.Context(), b.write(t, parked, 1)[0]); err != nil {
			t.Fatal(err)
		}
		b.write(t, lost, 2)
		<-time.After(59 * time.Minute)
		if got := b.effect.of(lost); len(got) != 0 {
			t.Fatalf("applied %v before the check", got)
		}
		<-time.After(2 * time.Minute)
		if diff := cmp.Diff([]uint64{1, 2}, b.effect.of(lost)); diff != "" {
			t.Error(diff)
		}
		if s := b.status(t); s.Reconciled != 1 || s.Parked != 1 {
			t.Errorf("status = %+v", s)
		}
	})

	outcome(t, "leaves alone what is on its way", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b, id := setup(store, silent(store), func(c *consumer.Config) { c.ReconcileEvery = time.Minute }), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		<-time.After(59 * time.Second)
		records := b.write(t, id, 1)
		<-time.After(5 * time.Second)
		if err := b.consumer.Handle(t.Context(), records[0]); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if s := b.status(t); s.Reconciled != 0 || s.Handled != 1 || s.Duplicates != 0 {
			t.Errorf("status = %+v", s)
		}
	})
}

func TestConsumer_RepairAggregate(t *testing.T) {
	t.Parallel()

	outcome(t, "makes the rows of one order what its events say", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b, id, other := setupTable(store, 1, func(c *consumer.Config) { c.Repairer = store }), uuid.New(), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.write(t, id, 2)
		synctest.Wait()
		wrong := ports.Change{
			AggregateID: id, State: ports.ViewState{SequenceNumber: 2, Data: []byte("99")}, Table: counts,
			Put: []projection.Row{{id, int64(99)}, {other, int64(7)}},
		}
		if err := store.Replace(t.Context(), b.consumer.LiveView(), wrong, 2); err != nil {
			t.Fatal(err)
		}
		if err := b.consumer.RepairAggregate(t.Context(), id, []projection.Row{{other, int64(7)}}); err != nil {
			t.Fatal(err)
		}
		if b.row(t, id) != 2 || b.row(t, other) != -1 {
			t.Errorf("the rows say %d and %d, want 2 and nothing", b.row(t, id), b.row(t, other))
		}
		b.write(t, id, 1)
		synctest.Wait()
		if n := b.row(t, id); n != 3 {
			t.Errorf("after the next event, the row says %d", n)
		}
	})

	outcome(t, "does not touch an order that is parked, and says what else to do where rows cannot be replaced", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b, id := setupTable(store, 1), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.write(t, id, 1)
		synctest.Wait()
		refused := (*ports.RefusedError)(nil)
		if err := b.consumer.RepairAggregate(t.Context(), id, nil); !errors.As(err, &refused) {
			t.Errorf("without a way to replace = %v", err)
		}
		b.counting.setFail(poison(id))
		b.write(t, id, 1)
		<-time.After(time.Minute)
		still := (*ports.StillParkedError)(nil)
		if err := b.consumer.RepairAggregate(t.Context(), id, nil); !errors.As(err, &still) {
			t.Errorf("parked = %v", err)
		}
	})
}
