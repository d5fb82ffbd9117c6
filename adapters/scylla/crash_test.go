package scylla_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/scylla"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// clock is a clock that tests set.
type clock struct {
	// stopped is the time of a clock that stands still. A clock with the zero value runs.
	stopped time.Time
	shift   atomic.Int64
}

func (c *clock) now() time.Time {
	now := c.stopped
	if now.IsZero() {
		now = time.Now()
	}
	return now.Add(time.Duration(c.shift.Load()))
}

func (c *clock) advance(d time.Duration) { c.shift.Add(int64(d)) }

// die makes the n-th request from now on the last one that the process sends. The request never
// arrives, or it takes effect and the process gets no answer. revive lets other processes continue.
func die(sim *scyllasim.Sim, n int, arrives bool) (revive func()) {
	last := scyllasim.Fault{Nth: n, Effect: scyllasim.DropBefore}
	if arrives {
		last.Effect = scyllasim.DropAfter
	}
	removeLast := sim.Inject(last)
	removeRest := sim.Inject(scyllasim.Fault{Nth: n, Times: -1, Effect: scyllasim.DropBefore})
	return func() { removeLast(); removeRest() }
}

// The process dies before, at and after each request of an append, and another one sweeps.
func TestAppend_ProcessDiesAnywhere(t *testing.T) {
	t.Parallel()
	const requests = 4 // intent, commit, outbox, and the deletion of the intent
	for n := 1; n <= requests+1; n++ {
		for i, arrives := range []bool{false, true, false, true} {
			events := 1 + i/2 // one is a statement, and two are a batch
			t.Run(fmt.Sprintf("%d events, request %d, arrives %t", events, n, arrives), func(t *testing.T) {
				t.Parallel()
				sim := start(t, scyllasim.Options{})
				config := on(sim.Hosts())
				prepare(t, config)
				dying := open(t, config)
				before := command(newID(), 0, 2)
				mustAppend(t, dying, before)
				mustClose(t, dying)
				dying = open(t, config)

				revive := die(sim, n, arrives)
				a := command(before.AggregateID, 2, events)
				_, err := dying.Append(t.Context(), a)
				mustClose(t, dying)
				revive()

				survivor := open(t, config)
				sim.Advance(15 * time.Second)
				mustSweep(t, survivor)
				history := expectDelivered(t, survivor, a.AggregateID)
				happened := len(history) == 2+events
				if err == nil && !happened {
					t.Error("the append was acknowledged and is lost")
				}
				if n >= 3 && err != nil {
					t.Errorf("the append committed and was not acknowledged: %v", err)
				}
				if want := n > 2 || n == 2 && arrives; happened != want {
					t.Errorf("the append happened: %t, want %t (error %v)", happened, want, err)
				}
				sim.Advance(2 * time.Hour)
				mustSweep(t, survivor)
				expectDelivered(t, survivor, a.AggregateID)
				expectNoIntents(t, sim, config)
			})
		}
	}
}

func mustSweep(t testing.TB, store *scylla.Store) scylla.Swept {
	t.Helper()
	swept, err := store.Sweep(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return swept
}

// expectDelivered expects the outbox to hold exactly the history of an aggregate.
func expectDelivered(t testing.TB, store *scylla.Store, aggregateID uuid.UUID) []eventsourcing.Record {
	t.Helper()
	history, err := store.Load(context.Background(), aggregateID, 0)
	if err != nil {
		t.Fatal(err)
	}
	stored := map[uuid.UUID]bool{}
	for _, r := range history {
		stored[r.EventID] = true
	}
	delivered := map[uuid.UUID]bool{}
	for _, r := range outbox(t, store) {
		if r.AggregateID == aggregateID {
			delivered[r.EventID] = true
			if !stored[r.EventID] {
				t.Errorf("event %d is in the outbox and never happened", r.SequenceNumber)
			}
		}
	}
	for _, r := range history {
		if !delivered[r.EventID] {
			t.Errorf("event %d happened and is not in the outbox", r.SequenceNumber)
		}
	}
	return history
}

func expectNoIntents(t testing.TB, sim *scyllasim.Sim, c scylla.Config) {
	t.Helper()
	var n int
	if err := session(t, sim.Hosts()).Query("SELECT COUNT(*) FROM " + c.Keyspace + ".append_intents").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n != 0 {
		t.Errorf("%d intents are left", n)
	}
}

// A writer that is paused between its intent and its commit renews the intent, so that the sweeper
// still knows it.
func TestAppend_RenewsAnIntentThatIsOld(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	config := on(sim.Hosts())
	paused := &clock{}
	config.Now = func() time.Time {
		defer paused.advance(2 * time.Hour)
		return paused.now()
	}
	prepare(t, config)
	store := open(t, config)
	revive := sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".outbox_messages", Times: -1, Effect: scyllasim.Unavailable})
	a := command(newID(), 0, 1)
	mustAppend(t, store, a)
	mustClose(t, store)
	revive()
	if n := sim.QueryCount(config.Keyspace+".append_intents", scyllasim.KindInsert); n != 2 {
		t.Errorf("%d intents were written, want a second one before the commit", n)
	}
	sim.Advance(15 * time.Second)
	survivor := open(t, config)
	if got := mustSweep(t, survivor); got.Delivered != 1 {
		t.Errorf("swept %+v, want the append delivered", got)
	}
	expectDelivered(t, survivor, a.AggregateID)
}

// When the outbox refuses, the append is done and the sweeper delivers.
func TestAppend_IsAcknowledgedWithoutTheOutbox(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	for _, effect := range []scyllasim.Effect{scyllasim.TimeoutBefore, scyllasim.TimeoutAfter, scyllasim.Unavailable, scyllasim.DropBefore} {
		for events := range 2 {
			remove := sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".outbox_messages", Pattern: commits, Times: -1, Effect: effect})
			a := command(newID(), 0, 1+events)
			mustAppend(t, store, a)
			remove()
			sim.Advance(time.Minute)
			survivor := open(t, config)
			mustSweep(t, survivor)
			expectDelivered(t, survivor, a.AggregateID)
		}
	}
}

// An outbox that fails once is written again at once.
func TestAppend_WritesTheOutboxAgain(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	for _, effect := range []scyllasim.Effect{scyllasim.TimeoutBefore, scyllasim.TimeoutAfter, scyllasim.Overloaded, scyllasim.DropAfter} {
		for events := range 2 {
			sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".outbox_messages", Pattern: commits, Effect: effect})
			a := command(newID(), 0, 1+events)
			mustAppend(t, store, a)
			expectDelivered(t, store, a.AggregateID)
		}
	}
}

func TestAppend_TellsTheFeed(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	config := prepare(t, on(sim.Hosts()))
	var told atomic.Int64
	config.Appended = func() { told.Add(1) }
	store := open(t, config)
	a := command(newID(), 0, 1)
	mustAppend(t, store, a)
	if _, err := store.Append(t.Context(), command(a.AggregateID, 0, 1)); !errors.Is(err, ports.ErrVersionConflict) {
		t.Fatalf("error %v, want a conflict", err)
	}
	if n := told.Load(); n != 1 {
		t.Errorf("the feed was told %d times, want once", n)
	}
}
