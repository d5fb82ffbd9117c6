package consumer_test

import (
	"context"
	"errors"
	"strings"
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

func TestConsumer_Pause(t *testing.T) {
	t.Parallel()

	outcome(t, "lets nothing through until it is resumed, across restarts, and loses nothing", func(t *testing.T) {
		b, id := setup(memory.New(memory.Options{})), uuid.New()
		other := setup(b.store, func(c *consumer.Config) { c.Name = "other" })
		defer other.follow(t)()
		stop := b.follow(t)
		synctest.Wait()
		b.write(t, id, 1)
		synctest.Wait()
		if err := b.consumer.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.write(t, id, 2)
		<-time.After(time.Minute)
		if s := b.status(t); s.State != ports.ConsumerPaused || s.Lag.Events != 2 || s.Handled != 1 {
			t.Errorf("status = %+v", s)
		}
		if s := other.status(t); s.State != ports.ConsumerRunning || s.Lag.Events != 0 || s.Handled != 3 {
			t.Errorf("status of the other consumer = %+v", s)
		}
		stop()

		again := setup(b.store, func(c *consumer.Config) { c.Name = "recorder" })
		defer again.follow(t)()
		<-time.After(time.Minute)
		if s := again.status(t); s.State != ports.ConsumerPaused || s.Handled != 0 {
			t.Errorf("status after a restart = %+v", s)
		}
		if err := again.consumer.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if diff := cmp.Diff([]uint64{2, 3}, again.effect.of(id)); diff != "" {
			t.Error(diff)
		}
		if s := again.status(t); s.State != ports.ConsumerRunning || s.Lag.Events != 0 || s.Duplicates != 0 {
			t.Errorf("status after it was resumed = %+v", s)
		}
	})

	outcome(t, "works from another process", func(t *testing.T) {
		b, id := setup(memory.New(memory.Options{})), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		elsewhere := setup(b.store)
		if err := elsewhere.consumer.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-time.After(2 * time.Second)
		b.write(t, id, 1)
		synctest.Wait()
		if s := b.status(t); s.State != ports.ConsumerPaused || s.Handled != 0 {
			t.Errorf("status = %+v", s)
		}
	})

	outcome(t, "waits for what is in flight", func(t *testing.T) {
		b, id := setup(memory.New(memory.Options{})), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		release := b.effect.hold()
		b.write(t, id, 1)
		synctest.Wait()
		if err := b.consumer.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second)
		if s := b.status(t); s.State == ports.ConsumerPaused {
			t.Errorf("status = %+v while an effect is in progress", s)
		}
		release()
		synctest.Wait()
		if s := b.status(t); s.State != ports.ConsumerPaused || s.Handled != 1 || s.Lag.Events != 0 {
			t.Errorf("status = %+v, want the event to be done and committed", s)
		}
	})
}

func TestConsumer_Pause_drainsLanes(t *testing.T) {
	t.Parallel()
	outcome(t, "finishes what waits in lanes", func(t *testing.T) {
		b, id := setup(memory.New(memory.Options{})), uuid.New()
		type queued struct {
			record eventsourcing.Record
			done   func()
		}
		lane := make(chan queued, 100)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			for q := range lane {
				<-time.After(100 * time.Millisecond) // a slow lane
				if err := b.consumer.Handle(context.WithoutCancel(ctx), q.record); err != nil {
					t.Error(err)
				}
				q.done()
			}
		})
		running.Go(func() {
			defer close(lane)
			if err := b.consumer.Pull(ctx, func(_ context.Context, r eventsourcing.Record, done func()) error {
				lane <- queued{r, done}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		b.write(t, id, 20)
		synctest.Wait()
		if err := b.consumer.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if s := b.status(t); s.State != ports.ConsumerPaused || s.Handled != 20 || s.Lag.Events != 0 {
			t.Errorf("status = %+v, want all 20 to be done and committed", s)
		}
		cancel()
		running.Wait()
	})
}

func TestConsumer_Reset(t *testing.T) {
	t.Parallel()

	outcome(t, "repeats the effects from the beginning or from a time, when it is forced", func(t *testing.T) {
		b, id := setup(memory.New(memory.Options{})), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.write(t, id, 2)
		<-time.After(time.Hour)
		b.write(t, id, 1)
		synctest.Wait()

		refused := (*ports.RefusedError)(nil)
		if _, err := b.consumer.Reset(t.Context(), ports.ResetRequest{}); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "publish every event again") {
			t.Errorf("Reset without force = %v", err)
		}
		consequence, err := b.consumer.Reset(t.Context(), ports.ResetRequest{DryRun: true})
		if err != nil || !strings.Contains(consequence, "publish every event again") {
			t.Errorf("dry run = %q, %v", consequence, err)
		}
		synctest.Wait()
		if diff := cmp.Diff([]uint64{1, 2, 3}, b.effect.of(id)); diff != "" {
			t.Fatalf("before any reset: %s", diff)
		}

		if _, err := b.consumer.Reset(t.Context(), ports.ResetRequest{Force: true}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if diff := cmp.Diff([]uint64{1, 2, 3, 1, 2, 3}, b.effect.of(id)); diff != "" {
			t.Errorf("to the beginning: %s", diff)
		}
		if _, err := b.consumer.Reset(t.Context(), ports.ResetRequest{From: time.Now().Add(-time.Minute), Force: true}); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		b.write(t, id, 1)
		synctest.Wait()
		if diff := cmp.Diff([]uint64{1, 2, 3, 1, 2, 3, 3, 4}, b.effect.of(id)); diff != "" {
			t.Errorf("to a minute ago: %s", diff)
		}
		if s := b.status(t); s.State != ports.ConsumerRunning || s.Previous.Number != 0 {
			t.Errorf("status = %+v, want what was kept before to be dropped", s)
		}
	})

	outcome(t, "refuses what could only do harm", func(t *testing.T) {
		b := setupTable(memory.New(memory.Options{}), 1)
		refused := (*ports.RefusedError)(nil)
		if _, err := b.consumer.Reset(t.Context(), ports.ResetRequest{From: time.Now(), Force: true}); !errors.As(err, &refused) {
			t.Errorf("a view from now = %v", err)
		}
		publisher := setup(memory.New(memory.Options{}))
		if _, err := publisher.consumer.Reset(t.Context(), ports.ResetRequest{From: time.Now().Add(time.Hour), Force: true}); !errors.As(err, &refused) {
			t.Errorf("a publisher from tomorrow = %v", err)
		}
	})
}

// The headroom of a consumer that is held up shrinks with the time for which the feed keeps an
// event.
func TestConsumer_Headroom(t *testing.T) {
	t.Parallel()
	outcome(t, "is what the age of the oldest event leaves of the retention", func(t *testing.T) {
		store := memory.New(memory.Options{Now: time.Now})
		b := setup(store, func(c *consumer.Config) { c.Retention = 30 * time.Minute })
		defer b.follow(t)()
		synctest.Wait()
		if got := b.status(t).Headroom; got == nil || *got != 30*time.Minute {
			t.Errorf("headroom %v, want all of it when nothing is to be done", got)
		}
		release := b.effect.hold()
		defer release()
		b.write(t, uuid.New(), 1)
		<-time.After(20 * time.Minute)
		if got := b.status(t).Headroom; got == nil || *got != 10*time.Minute {
			t.Errorf("headroom %v, want 10 minutes", got)
		}
		<-time.After(20 * time.Minute)
		if got := b.status(t).Headroom; got == nil || *got != 0 {
			t.Errorf("headroom %v, want none", got)
		}
	})
	outcome(t, "is not known when the retention or the lag is not", func(t *testing.T) {
		b := setup(memory.New(memory.Options{}))
		defer b.follow(t)()
		synctest.Wait()
		if got := b.status(t).Headroom; got != nil {
			t.Errorf("headroom %v, with no retention", *got)
		}
		stopped := setup(memory.New(memory.Options{}), func(c *consumer.Config) { c.Retention = time.Hour })
		if got := stopped.status(t).Headroom; got != nil {
			t.Errorf("headroom %v, before the first offset", *got)
		}
	})
}

// A consumer that drains for a pause waits for the records in the lanes. When the process stops
// meanwhile, the lanes drop their records, and there is nothing to wait for.
func TestConsumer_Pause_thatAStopInterrupts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(memory.New(memory.Options{}))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			// A lane that has taken the record and does not come to handle it.
			ended <- b.consumer.Pull(ctx, func(context.Context, eventsourcing.Record, func()) error { return nil })
		}()
		synctest.Wait()
		b.write(t, uuid.New(), 1)
		synctest.Wait()
		if err := b.consumer.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		began := time.Now()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("the stop took %s", took)
		}
	})
}
