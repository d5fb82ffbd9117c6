package consumer_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/consumer"
	"orderflow/ports"
)

// process returns a consumer of its own process, with leases.
func process(store *memory.Store, leases ports.Leases, address string) *bundle {
	return setup(store, func(c *consumer.Config) {
		c.Leases, c.Owner = leases, ports.LeaseOwner{ID: uuid.New(), Address: address}
	})
}

func TestConsumer_Lease(t *testing.T) {
	t.Parallel()

	outcome(t, "runs in one process, and moves at once when that one stops", func(t *testing.T) {
		store, id := memory.New(memory.Options{}), uuid.New()
		a, b := process(store, store, "a"), process(store, store, "b")
		stop := a.follow(t)
		synctest.Wait()
		defer b.follow(t)()
		synctest.Wait()
		a.write(t, id, 1)
		<-time.After(time.Minute)
		if s := b.status(t); s.State != ports.ConsumerStandby || s.Holder.Address != "a" {
			t.Errorf("status of b = %+v", s)
		}
		if err := b.consumer.Retry(t.Context(), id); err == nil {
			t.Error("an order was retried where the consumer does not run")
		}
		held := (*ports.LeaseHeldError)(nil)
		if err := b.consumer.Resume(t.Context()); !errors.As(err, &held) || held.Owner.Address != "a" {
			t.Errorf("Resume where the consumer does not run, and is not paused = %v", err)
		}
		first := a.consumer.Epoch()
		stop()
		<-time.After(1500 * time.Millisecond)
		a.write(t, id, 1)
		synctest.Wait()
		if diff := cmp.Diff([][]uint64{{1}, {2}}, [][]uint64{a.effect.of(id), b.effect.of(id)}); diff != "" {
			t.Error(diff)
		}
		if b.consumer.Epoch() <= first {
			t.Errorf("epochs %d and %d do not grow", first, b.consumer.Epoch())
		}
	})

	outcome(t, "moves within the time of the lease when a process dies", func(t *testing.T) {
		store, id := memory.New(memory.Options{}), uuid.New()
		a, b := process(store, deaf{store}, "a"), process(store, store, "b")
		kill := a.follow(t)
		synctest.Wait()
		defer b.follow(t)()
		<-time.After(5 * time.Second)
		kill()
		<-time.After(11 * time.Second)
		a.write(t, id, 1)
		synctest.Wait()
		if diff := cmp.Diff([]uint64{1}, b.effect.of(id)); diff != "" {
			t.Error(diff)
		}
	})

	outcome(t, "stops working before somebody else may start, when the lease cannot be renewed", func(t *testing.T) {
		store, id := memory.New(memory.Options{}), uuid.New()
		broken := &brokenLeases{Store: store}
		a := process(store, broken, "a")
		defer a.follow(t)()
		synctest.Wait()
		a.write(t, id, 1)
		synctest.Wait()
		broken.fail.Store(true)
		<-time.After(9 * time.Second)
		a.write(t, id, 1)
		synctest.Wait()
		if diff := cmp.Diff([]uint64{1}, a.effect.of(id)); diff != "" {
			t.Errorf("without a lease: %s", diff)
		}
		broken.fail.Store(false)
		<-time.After(time.Minute)
		if diff := cmp.Diff([]uint64{1, 2}, a.effect.of(id)); diff != "" {
			t.Errorf("with one again: %s", diff)
		}
	})
}

// deaf never gives a lease back, like a process that has died.
type deaf struct{ *memory.Store }

func (deaf) ReleaseLease(context.Context, string, ports.LeaseOwner) error { return nil }

// brokenLeases does not answer while fail is set.
type brokenLeases struct {
	*memory.Store
	fail atomic.Bool
}

func (l *brokenLeases) AcquireLease(ctx context.Context, name string, owner ports.LeaseOwner, ttl time.Duration) (uint64, error) {
	if l.fail.Load() {
		return 0, ports.ErrUnavailable
	}
	return l.Store.AcquireLease(ctx, name, owner, ttl)
}

func (l *brokenLeases) ReleaseLease(ctx context.Context, name string, owner ports.LeaseOwner) error {
	if l.fail.Load() {
		return ports.ErrUnavailable
	}
	return l.Store.ReleaseLease(ctx, name, owner)
}
