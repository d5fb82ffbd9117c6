package scylla_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/go-cmp/cmp"

	"orderflow/adapters/scylla"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// requestsTo counts the requests that do makes to a keyspace, by table and kind. A conditional
// batch is counted as LWT and as a batch.
func requestsTo(sim *scyllasim.Sim, c scylla.Config, do func()) map[string]int {
	tables := []string{"append_intents", "event_store", "outbox_messages", "consumer_leases"}
	kinds := map[string]scyllasim.Kind{
		"select": scyllasim.KindSelect, "insert": scyllasim.KindInsert, "update": scyllasim.KindUpdate,
		"delete": scyllasim.KindDelete, "batch": scyllasim.KindBatch, "lwt": scyllasim.KindLWT,
	}
	count := func() map[string]int {
		counts := map[string]int{"all": sim.QueryCount("", scyllasim.KindAny)}
		for _, table := range tables {
			for name, kind := range kinds {
				counts[table+" "+name] = sim.QueryCount(c.Keyspace+"."+table, kind)
			}
		}
		return counts
	}
	before := count()
	do()
	made := map[string]int{}
	for key, n := range count() {
		if n -= before[key]; n > 0 {
			made[key] = n
		}
	}
	return made
}

// An append is one round trip before the commit point, one at it, and one after it. Then the intent
// is deleted, while the caller has its answer already.
func TestAppend_Requests(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	config := prepare(t, on(sim.Hosts()))
	aggregate := newID()
	for expected, events := range []int{1, 1, 2, 0, 1} {
		if events == 0 {
			continue // there are two events in the one before
		}
		want := map[string]int{
			"all": 4, "append_intents insert": 1, "append_intents delete": 1, "event_store lwt": 1,
			"event_store update": 1, "outbox_messages insert": 1,
		}
		if events > 1 {
			delete(want, "event_store update")
			delete(want, "outbox_messages insert")
			want["event_store batch"], want["outbox_messages batch"] = 1, 1
		}
		store := open(t, config)
		got := requestsTo(sim, config, func() {
			mustAppend(t, store, command(aggregate, uint64(expected), events))
			mustClose(t, store)
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d events after %d (-want +got):\n%s", events, expected, diff)
		}
	}
}

// The intent is deleted after the outbox has the events, and not beside them: if the process died
// in between, the events would be in no feed. The caller does not wait for the deletion.
func TestAppend_DeletesTheIntentLast(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	hold := make(chan struct{})
	sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".outbox_messages", Hold: hold})
	deleted := func() int { return sim.QueryCount(config.Keyspace+".append_intents", scyllasim.KindDelete) }
	released := make(chan struct{})
	sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".append_intents", Kind: scyllasim.KindDelete, Hold: released})
	answered := make(chan error, 1)
	go func() {
		_, err := store.Append(context.WithoutCancel(t.Context()), command(newID(), 0, 1))
		answered <- err
	}()
	within := time.After(time.Minute)
	for sim.QueryCount(config.Keyspace+".outbox_messages", scyllasim.KindAny) == 0 {
		select {
		case err := <-answered:
			t.Fatalf("the append ended before it wrote to the outbox: %v", err)
		case <-within:
			t.Fatal("nothing was written to the outbox")
		case <-time.After(time.Millisecond):
		}
	}
	if n := deleted(); n != 0 {
		t.Errorf("%d intents were deleted before the outbox had the events", n)
	}
	close(hold)
	if err := <-answered; err != nil { // while the deletion is held
		t.Error(err)
	}
	close(released)
	mustClose(t, store)
	if n := deleted(); n != 1 {
		t.Errorf("%d intents were deleted, want 1", n)
	}
}

// A process of the version before appends one event with a batch, and one of this version with one
// statement. They compete for every head of an order: one of them wins it.
func TestAppend_CompetesWithTheBatchOfTheVersionBefore(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	before, err := scylla.Connect(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	id := newID()
	for expected := range uint64(20) {
		batched, updated := command(id, expected, 1), command(id, expected, 1)
		won := make(chan error)
		go func() {
			applied, err := appendBatched(t.Context(), before, batched)
			if err == nil && !applied {
				err = ports.ErrVersionConflict
			}
			won <- err
		}()
		_, err := store.Append(t.Context(), updated)
		other := <-won
		if errors.Is(err, ports.ErrVersionConflict) == errors.Is(other, ports.ErrVersionConflict) ||
			err != nil && other != nil {
			t.Fatalf("head %d: this version got %v, the one before %v", expected+1, err, other)
		}
		history, lost := store.Load(t.Context(), id, expected)
		if lost != nil || len(history) != 1 {
			t.Fatalf("head %d: %d events, %v", expected+1, len(history), lost)
		}
		winner := updated
		if err != nil {
			winner = batched
		}
		if history[0].EventID != winner.Records[0].EventID {
			t.Fatalf("head %d has another event than that of the winner", expected+1)
		}
	}
}

// appendBatched commits one event as the version before did.
func appendBatched(ctx context.Context, s *gocql.Session, a ports.Append) (applied bool, err error) {
	r := a.Records[0]
	batch := s.Batch(gocql.UnloggedBatch).WithContext(ctx)
	if a.Expected > 0 {
		batch.Query(`UPDATE event_store SET head = ? WHERE aggregate_id = ? IF head = ?`,
			int64(r.SequenceNumber), a.AggregateID, int64(a.Expected))
	} else {
		batch.Query(`UPDATE event_store SET head = ?, aggregate_type = ? WHERE aggregate_id = ? IF head = ?`,
			int64(r.SequenceNumber), r.AggregateType, a.AggregateID, nil)
	}
	batch.Query(`INSERT INTO event_store (aggregate_id, sequence_number, event_id, event_type, event_version, payload,
		command_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		r.AggregateID, int64(r.SequenceNumber), r.EventID, r.EventType, r.EventVersion, string(r.Payload), r.CommandID,
		r.CreatedAt)
	applied, iter, err := s.MapExecuteBatchCAS(batch, map[string]any{})
	if iter != nil {
		err = errors.Join(err, iter.Close())
	}
	return applied && err == nil, err
}

// A process that holds a lease renews it with one request. One that does not asks who holds it.
func TestLeases_Requests(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	other := open(t, config)
	for _, step := range []struct {
		name  string
		store *scylla.Store
		owner ports.LeaseOwner
		want  map[string]int
	}{
		{"taken", store, me, map[string]int{"all": 2, "consumer_leases select": 1, "consumer_leases lwt": 1, "consumer_leases batch": 1}},
		{"renewed", store, me, map[string]int{"all": 1, "consumer_leases lwt": 1, "consumer_leases update": 1}},
		{"renewed again", store, me, map[string]int{"all": 1, "consumer_leases lwt": 1, "consumer_leases update": 1}},
		{"wanted", other, you, map[string]int{"all": 1, "consumer_leases select": 1}},
	} {
		got := requestsTo(sim, config, func() {
			_, err := step.store.AcquireLease(t.Context(), "a", step.owner, time.Minute)
			if held := errors.As(err, new(*ports.LeaseHeldError)); err != nil && !held || held != (step.owner == you) {
				t.Fatalf("%s: %v", step.name, err)
			}
		})
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
	// The lease has ended, and another process has it: what the first one remembers is no more so.
	sim.Advance(time.Hour)
	epoch, err := other.AcquireLease(t.Context(), "a", you, time.Minute)
	if err != nil || epoch != 2 {
		t.Fatalf("epoch %d, %v, want 2", epoch, err)
	}
	got := requestsTo(sim, config, func() {
		_, err := store.AcquireLease(t.Context(), "a", me, time.Minute)
		if held, ok := errors.AsType[*ports.LeaseHeldError](err); !ok || held.Owner != you {
			t.Errorf("error %v, want that %v holds it", err, you)
		}
	})
	if diff := cmp.Diff(map[string]int{"all": 1, "consumer_leases lwt": 1, "consumer_leases update": 1}, got); diff != "" {
		t.Errorf("a lease that was lost (-want +got):\n%s", diff)
	}
}
