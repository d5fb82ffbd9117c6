package consumer_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/consumer"
	"orderflow/ports"
)

// decodeTo makes every event count for n from now on, as if it decoded to something else.
func (c *counting) decodeTo(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version = n
}

func rewritten(t *testing.T, c *consumer.Consumer, id uuid.UUID, want bool) {
	t.Helper()
	if got, err := c.Rewrite(t.Context(), id); err != nil || got != want {
		t.Errorf("Rewrite = %v, %v", got, err)
	}
}

func TestConsumer_Rewrite(t *testing.T) {
	t.Parallel()

	outcome(t, "replaces every generation, and leaves other orders alone", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b, id, other := setupTable(store, 1, repairable(store)), uuid.New(), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.write(t, id, 2)
		b.write(t, other, 2)
		synctest.Wait()
		before := b.consumer.LiveView()
		if err := b.consumer.Rebuild(t.Context(), ports.RebuildRequest{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if b.consumer.LiveView() == before {
			t.Fatal("the rebuild did not switch")
		}
		b.counting.decodeTo(10)
		rewritten(t, b.consumer, id, true)
		rewritten(t, b.consumer, uuid.New(), false)
		if live, previous := b.row(t, id), b.rowOf(t, before, id); live != 20 || previous != 20 {
			t.Errorf("the rows say %d and %d", live, previous)
		}
		if n := b.row(t, other); n != 2 {
			t.Errorf("the row of another order says %d", n)
		}
		b.write(t, id, 1)
		synctest.Wait()
		if n := b.row(t, id); n != 30 {
			t.Errorf("after the next event the row says %d", n)
		}
	})

	outcome(t, "keeps a parked order at its event, and removes the texts of its errors", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b := setupTable(store, 1, repairable(store))
		defer b.follow(t)()
		synctest.Wait()
		id := parkAndSkip(t, b.bundle, b.counting.setFail, func() {})
		b.counting.setFail(poison(id))
		b.write(t, id, 1)
		<-time.After(time.Minute)
		applied := b.row(t, id)
		texts := func() (all []string) {
			parked, err := b.consumer.ListParked(t.Context(), "", 10)
			if err != nil || len(parked.Aggregates) != 1 {
				t.Fatalf("%+v %v", parked, err)
			}
			skips, err := b.consumer.ListSkips(t.Context(), ports.SkipQuery{AggregateID: id, Limit: 10})
			if err != nil || len(skips.Skips) != 1 {
				t.Fatalf("%+v %v", skips, err)
			}
			return []string{parked.Aggregates[0].Error, skips.Skips[0].Error}
		}
		for _, text := range texts() {
			if text != "a bug" && text != "poison" {
				t.Fatalf("before: %q", text)
			}
		}
		b.counting.setFail(nil)
		b.counting.decodeTo(10)
		rewritten(t, b.consumer, id, true)
		for _, text := range texts() {
			if strings.Contains(text, "poison") || strings.Contains(text, "a bug") {
				t.Errorf("after: %q", text)
			}
		}
		if n := b.row(t, id); n != 10*applied {
			t.Errorf("the row says %d, it said %d", n, applied)
		}
		if err := b.consumer.Retry(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if n := b.row(t, id); n != 10*(applied+1) {
			t.Errorf("after the retry the row says %d", n)
		}
	})

	outcome(t, "says why it cannot reach everything", func(t *testing.T) {
		store := memory.New(memory.Options{})
		b, id := setupTable(store, 1), uuid.New()
		stop := b.follow(t)
		synctest.Wait()
		b.write(t, id, 1)
		synctest.Wait()
		var refused *ports.RefusedError
		if _, err := b.consumer.Rewrite(t.Context(), id); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "rebuild it") {
			t.Errorf("without a way to replace: %v", err)
		}
		if err := b.consumer.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := b.consumer.Rewrite(t.Context(), id); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "paused") {
			t.Errorf("paused: %v", err)
		}
		if err := b.consumer.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop()

		store = store.Reopen()
		next := setupTable(store, 2, repairable(store))
		defer next.follow(t)()
		// The new version is live then, and one can go back to the view of the old one.
		<-time.After(time.Minute)
		if s := next.status(t); s.Live.Version != 2 || s.Previous.Version != 1 {
			t.Fatalf("%+v", s)
		}
		if _, err := next.consumer.Rewrite(t.Context(), id); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "generation 1") {
			t.Errorf("beside a generation of another version: %v", err)
		}
		<-time.After(2 * time.Hour)
		rewritten(t, next.consumer, id, true)
	})

	outcome(t, "renews the view where rows cannot be replaced, until nothing old is left", func(t *testing.T) {
		b, id := setupTable(memory.New(memory.Options{}), 1), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.write(t, id, 2)
		synctest.Wait()
		b.found = []ports.VerifyDifference{{Detail: "the live generation differs"}} // of course
		b.counting.decodeTo(10)
		mark, err := b.consumer.Mark(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		waits := func(text string) {
			t.Helper()
			var refused *ports.RefusedError
			if err := b.consumer.Renew(t.Context(), mark); !errors.As(err, &refused) || !strings.Contains(refused.Reason, text) {
				t.Errorf("it waits for: %v", err)
			}
			synctest.Wait()
		}
		waits("is being rebuilt")
		if n := b.row(t, id); n != 20 {
			t.Errorf("the row says %d", n)
		}
		waits("is dropped 1h0m0s after")
		<-time.After(2 * time.Hour)
		for range 2 {
			if err := b.consumer.Renew(t.Context(), mark); err != nil {
				t.Error(err)
			}
		}
		if err := b.consumer.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if mark, err = b.consumer.Mark(t.Context()); err != nil {
			t.Fatal(err)
		}
		waits("paused")
	})

	outcome(t, "finds nothing in a publisher but the texts of its errors, even if it is paused", func(t *testing.T) {
		b, id := setup(memory.New(memory.Options{})), uuid.New()
		defer b.follow(t)()
		synctest.Wait()
		b.effect.setFail(poison(id))
		b.write(t, id, 1)
		<-time.After(time.Minute)
		if err := b.consumer.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		rewritten(t, b.consumer, id, true)
		if parked := b.parked(t); len(parked) != 1 || strings.Contains(parked[0].Error, "poison") {
			t.Errorf("%+v", parked)
		}
		rewritten(t, b.consumer, id, false)
	})
}
