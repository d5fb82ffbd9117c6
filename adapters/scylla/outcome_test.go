package scylla_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/scylla"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// The outcome of an append whose conditional batch fails in every possible way.
func TestAppend_FindsOutWhatHappened(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		effect scyllasim.Effect
		times  int
		want   error // nil when the append succeeds
		stored bool
	}{
		{"timeout before it is applied", scyllasim.TimeoutBefore, 1, nil, true},
		{"timeout after it is applied", scyllasim.TimeoutAfter, 1, nil, true},
		{"connection lost before it is applied", scyllasim.DropBefore, 1, nil, true},
		{"connection lost after it is applied", scyllasim.DropAfter, 1, nil, true},
		{"proposal not accepted", scyllasim.PaxosNotAccepted, 1, nil, true},
		{"proposal accepted and not learned", scyllasim.PaxosNotLearned, 1, nil, true},
		{"failure while it is learned", scyllasim.PaxosLearnFailed, 1, nil, true},
		{"timeout while it is learned", scyllasim.PaxosLearnTimeout, 1, nil, true},
		{"server overloaded", scyllasim.Overloaded, 1, nil, true},
		{"too few replicas to begin", scyllasim.Unavailable, 1, ports.ErrUnavailable, false},
		{"it always times out and is never applied", scyllasim.TimeoutBefore, -1, ports.ErrUnavailable, false},
		{"the connection is always lost before it is applied", scyllasim.DropBefore, -1, ports.ErrOutcomeUnknown, false},
	}
	for i, expected := range []uint64{0, 2, 0, 2} {
		events := 1 + i/2 // one is a statement, and two are a batch
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%d events after %d, %s", events, expected, tt.name), func(t *testing.T) {
				t.Parallel()
				sim := start(t, scyllasim.Options{})
				store, config := openNew(t, sim.Hosts())
				id := newID()
				if expected > 0 {
					mustAppend(t, store, command(id, 0, int(expected)))
				}
				remove := sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".event_store", Kind: scyllasim.KindLWT, Effect: tt.effect, Times: tt.times})
				a := command(id, expected, events)
				got, err := store.Append(t.Context(), a)
				remove()
				if !errors.Is(err, tt.want) {
					t.Fatalf("error %v, want %v", err, tt.want)
				}
				if err == nil && (got.Duplicate || len(got.Records) != events || got.Records[0].EventID != a.Records[0].EventID) {
					t.Errorf("answer %+v is not what was sent", got)
				}
				history := expectDelivered(t, store, id)
				if stored := len(history) == int(expected)+events; stored != tt.stored {
					t.Errorf("%d events are stored", len(history))
				}
			})
		}
	}
}

// The servers are silent during the read of the outcome. The append says that the outcome is
// unknown, and the sweeper finds it out.
func TestAppend_DoesNotKnow(t *testing.T) {
	t.Parallel()
	for i, happens := range []bool{true, false, true, false} {
		events := 1 + i/2
		sim := start(t, scyllasim.Options{})
		store, config := openNew(t, sim.Hosts())
		table := config.Keyspace + ".event_store"
		effect := scyllasim.PaxosNotLearned
		if !happens {
			effect = scyllasim.PaxosNotAccepted
		}
		revive := []func(){
			sim.Inject(scyllasim.Fault{Table: table, Kind: scyllasim.KindLWT, Effect: effect}),
			sim.Inject(scyllasim.Fault{Table: table, Kind: scyllasim.KindSelect, Effect: scyllasim.Unavailable, Times: -1}),
		}
		a := command(newID(), 0, events)
		if _, err := store.Append(t.Context(), a); !errors.Is(err, ports.ErrOutcomeUnknown) {
			t.Fatalf("error %v, want %v", err, ports.ErrOutcomeUnknown)
		}
		for _, f := range revive {
			f()
		}
		sim.Advance(15 * time.Second)
		swept := mustSweep(t, open(t, config))
		history := expectDelivered(t, store, a.AggregateID)
		if happened := len(history) == events; happened != happens || swept.Delivered == 1 != happens {
			t.Errorf("it happened: %t, swept %+v, want %t", happened, swept, happens)
		}
	}
}

// One process gives up an attempt, and another process makes a second one. The command happens
// once, and the second process is told so.
func TestAppend_SecondTryFindsTheFirst(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".event_store", Kind: scyllasim.KindLWT, Effect: scyllasim.PaxosNotLearned})
	remove := sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".event_store", Kind: scyllasim.KindSelect, Effect: scyllasim.Unavailable, Times: -1})
	first := command(newID(), 0, 2)
	if _, err := store.Append(t.Context(), first); !errors.Is(err, ports.ErrOutcomeUnknown) {
		t.Fatalf("error %v, want %v", err, ports.ErrOutcomeUnknown)
	}
	remove()
	second := command(first.AggregateID, 0, 1)
	second.CommandID, second.Records[0].CommandID = first.CommandID, first.CommandID
	got, err := store.Append(t.Context(), second)
	if err != nil || !got.Duplicate || len(got.Records) != 2 || got.Records[1].EventID != first.Records[1].EventID {
		t.Fatalf("got %+v, %v; want the events of the first try as a duplicate", got, err)
	}
}

// Writers of two processes compete for a few orders while requests fail in every way. What was
// acknowledged is there once, what was refused is not there, and in the end the outbox equals the
// history.
func TestAppend_WritersUnderFaults(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	sim := start(t, scyllasim.Options{})
	_, config := openNew(t, sim.Hosts())
	stores := []*scylla.Store{open(t, config), open(t, config)}
	var calm []func()
	for _, effect := range []scyllasim.Effect{
		scyllasim.TimeoutBefore, scyllasim.TimeoutAfter, scyllasim.Unavailable, scyllasim.Overloaded, scyllasim.DropAfter,
		scyllasim.PaxosNotAccepted, scyllasim.PaxosNotLearned, scyllasim.PaxosLearnFailed, scyllasim.PaxosLearnTimeout,
	} {
		remove := sim.Inject(scyllasim.Fault{Effect: effect, Times: -1, When: func() bool { return random.IntN(100) == 0 }})
		calm = append(calm, remove)
	}
	const writers, commands = 6, 12
	orders := []uuid.UUID{newID(), newID()}
	var group sync.WaitGroup
	results := make([][]result, writers)
	for i := range writers {
		group.Go(func() {
			for n := range commands {
				id := orders[(i+n)%len(orders)]
				results[i] = append(results[i], appendSomehow(t, stores[i%2], id))
			}
		})
	}
	group.Wait()
	for _, remove := range calm {
		remove()
	}

	survivor := open(t, config)
	sim.Advance(15 * time.Second)
	mustSweep(t, survivor)
	count := map[uuid.UUID]int{}
	for _, id := range orders {
		for _, r := range expectDelivered(t, survivor, id) {
			count[r.CommandID]++
		}
	}
	for _, r := range results {
		for _, r := range r {
			n := count[r.command]
			if r.err == nil && n != r.events || n > 0 && n != r.events || (errors.Is(r.err, ports.ErrUnavailable) || errors.Is(r.err, ports.ErrVersionConflict)) && n != 0 {
				t.Errorf("the history has %d events of a command that got the answer: %v", n, r.err)
			}
		}
	}
	sim.Advance(2 * time.Hour)
	mustSweep(t, survivor)
	expectNoIntents(t, sim, config)
}

type result struct {
	command uuid.UUID
	events  int
	err     error
}

// appendSomehow appends one event, or two, at the head that it finds.
func appendSomehow(t *testing.T, store *scylla.Store, id uuid.UUID) result {
	var history []eventsourcing.Record
	for {
		var err error
		if history, err = store.Load(t.Context(), id, 0); err == nil {
			break
		}
	}
	a := command(id, uint64(len(history)), 1+rand.IntN(2))
	_, err := store.Append(t.Context(), a)
	return result{a.CommandID, len(a.Records), err}
}

// The proposal was accepted, and every later attempt fails: only a serial read shows that the
// append happens.
func TestAppend_LooksAtTheSerialLevel(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	for effect, times := range map[scyllasim.Effect]int{scyllasim.PaxosNotLearned: 1, scyllasim.TimeoutBefore: -1} {
		fault := scyllasim.Fault{Table: config.Keyspace + ".event_store", Kind: scyllasim.KindLWT, Effect: effect, Times: times}
		if times < 0 {
			fault.Nth = 2
		}
		defer sim.Inject(fault)()
	}
	a := command(newID(), 0, 2)
	got, err := store.Append(t.Context(), a)
	if err != nil || got.Duplicate {
		t.Fatalf("got %+v, %v; want success", got, err)
	}
	expectDelivered(t, store, a.AggregateID)
}

// The driver gives up on a batch that is still on its way. The batch arrives between the read of
// the outcome and the second attempt, which it beats.
func TestAppend_KnowsItsOwnLateBatch(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	config := prepare(t, on(sim.Hosts()))
	config.Timeout = 2 * time.Second
	store := open(t, config)
	table := config.Keyspace + ".event_store"
	sim.Inject(scyllasim.Fault{Table: table, Kind: scyllasim.KindLWT, Delay: 3 * time.Second})
	sim.Inject(scyllasim.Fault{Table: table, Kind: scyllasim.KindLWT, Delay: 1500 * time.Millisecond})
	a := command(newID(), 0, 2)
	got, err := store.Append(t.Context(), a)
	if err != nil || got.Duplicate || len(got.Records) != 2 {
		t.Fatalf("got %+v, %v; want success", got, err)
	}
	if history := expectDelivered(t, store, a.AggregateID); len(history) != 2 {
		t.Errorf("%d events, want 2", len(history))
	}
}

// The driver gets no answer to a batch that was applied, and sends it again. The second answer is a
// refusal, with the head that the append itself has written.
func TestAppend_KnowsItsOwnBatchThatWasSentTwice(t *testing.T) {
	t.Parallel()
	for i, expected := range []uint64{0, 2, 0, 2} {
		events := 1 + i/2
		sim := start(t, scyllasim.Options{})
		store, config := openNew(t, sim.Hosts())
		id := newID()
		if expected > 0 {
			mustAppend(t, store, command(id, 0, int(expected)))
		}
		sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".event_store", Kind: scyllasim.KindLWT, Effect: scyllasim.Resent})
		a := command(id, expected, events)
		got, err := store.Append(t.Context(), a)
		if err != nil || len(got.Records) != events || got.Records[0].EventID != a.Records[0].EventID {
			t.Fatalf("got %+v, %v; want success", got, err)
		}
		expectDelivered(t, store, id)
		mustClose(t, store) // which waits for the deletion of the intent
		expectNoIntents(t, sim, config)
	}
}

// As before, and the outbox cannot be written: then the intent must stay, for the sweeper.
func TestAppend_KeepsTheIntentOfABatchThatWasSentTwice(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".event_store", Kind: scyllasim.KindLWT, Effect: scyllasim.Resent})
	remove := sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".outbox_messages", Effect: scyllasim.Unavailable, Times: -1})
	a := command(newID(), 0, 2)
	mustAppend(t, store, a)
	mustClose(t, store)
	remove()
	sim.Advance(15 * time.Second)
	survivor := open(t, config)
	if swept := mustSweep(t, survivor); swept.Delivered != 1 {
		t.Errorf("swept %+v, want the append delivered", swept)
	}
	expectDelivered(t, survivor, a.AggregateID)
}

// As before, and it cannot be found out whose events are there. The client must not be told that
// nothing happened, and the intent must stay.
func TestAppend_DoesNotKnowABatchThatWasSentTwice(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	table := config.Keyspace + ".event_store"
	sim.Inject(scyllasim.Fault{Table: table, Kind: scyllasim.KindLWT, Effect: scyllasim.Resent})
	remove := sim.Inject(scyllasim.Fault{Table: table, Kind: scyllasim.KindSelect, Effect: scyllasim.Unavailable, Times: -1})
	a := command(newID(), 0, 2)
	if _, err := store.Append(t.Context(), a); !errors.Is(err, ports.ErrOutcomeUnknown) {
		t.Errorf("error %v, want %v", err, ports.ErrOutcomeUnknown)
	}
	mustClose(t, store)
	remove()
	sim.Advance(15 * time.Second)
	survivor := open(t, config)
	if swept := mustSweep(t, survivor); swept.Delivered != 1 {
		t.Errorf("swept %+v, want the append delivered", swept)
	}
	expectDelivered(t, survivor, a.AggregateID)
}

// Saves of consumers and leases are conditional writes, too.
func TestConsumersAndLeases_KnowTheirOwnWriteThatWasSentTwice(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, _ := openNew(t, sim.Hosts())
	sim.Inject(scyllasim.Fault{Kind: scyllasim.KindLWT, Effect: scyllasim.Resent, Times: -1})
	record := ports.ConsumerRecord{Name: "c"}
	for want := uint64(1); want <= 3; want++ {
		record.Paused = !record.Paused
		saved, err := store.SaveConsumer(t.Context(), record)
		if err != nil || saved.Revision != want {
			t.Fatalf("save %d: got revision %d, %v", want, saved.Revision, err)
		}
		record = saved
	}
	owner := ports.LeaseOwner{ID: newID(), Address: "here"}
	for range 2 {
		if epoch, err := store.AcquireLease(t.Context(), "l", owner, time.Minute); err != nil || epoch != 1 {
			t.Fatalf("epoch %d, %v, want 1", epoch, err)
		}
	}
	if err := store.ReleaseLease(t.Context(), "l", owner); err != nil {
		t.Fatal(err)
	}
	other := ports.LeaseOwner{ID: newID(), Address: "there"}
	if epoch, err := store.AcquireLease(t.Context(), "l", other, time.Minute); err != nil || epoch != 2 {
		t.Errorf("epoch %d, %v, want 2", epoch, err)
	}
}
