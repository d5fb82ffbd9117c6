package scylla_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// Intents are deleted in the background, more slowly than they are written, and Close waits for
// that.
func TestStore_CloseWaitsForIntents(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".append_intents", Kind: scyllasim.KindDelete, Times: -1, Delay: 100 * time.Millisecond})
	var writers sync.WaitGroup
	for range 100 {
		writers.Go(func() {
			if _, err := store.Append(t.Context(), command(newID(), 0, 1)); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	mustClose(t, store)
	mustClose(t, store)
	expectNoIntents(t, sim, config)
}

// An append that is refused leaves no intent, either.
func TestStore_ConflictsLeaveNoIntents(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	a := command(newID(), 0, 2)
	mustAppend(t, store, a)
	if _, err := store.Append(t.Context(), command(a.AggregateID, 1, 1)); !errors.Is(err, ports.ErrVersionConflict) {
		t.Errorf("error %v, want %v", err, ports.ErrVersionConflict)
	}
	again := command(a.AggregateID, 0, 1)
	again.CommandID, again.Records[0].CommandID = a.CommandID, a.CommandID
	if got, err := store.Append(t.Context(), again); err != nil || !got.Duplicate {
		t.Errorf("got %+v, %v; want a duplicate", got, err)
	}
	mustClose(t, store)
	expectNoIntents(t, sim, config)
	if n := len(outbox(t, open(t, config))); n != 2 {
		t.Errorf("the outbox has %d messages, want 2", n)
	}
}

// Stored data that is corrupt is reported, and not passed on.
func TestStore_TellsWhatIsCorrupt(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	admin := session(t, sim.Hosts())
	for name, cql := range map[string]string{
		"the first event is missing":  "DELETE FROM %.event_store WHERE aggregate_id = ? AND sequence_number = 1",
		"an event in between is":      "DELETE FROM %.event_store WHERE aggregate_id = ? AND sequence_number = 2",
		"the last event is":           "DELETE FROM %.event_store WHERE aggregate_id = ? AND sequence_number = 3",
		"an event is beyond the head": "UPDATE %.event_store SET head = 2 WHERE aggregate_id = ?",
		"an event has no type":        "DELETE event_type FROM %.event_store WHERE aggregate_id = ? AND sequence_number = 2",
		"an event has no id":          "DELETE event_id FROM %.event_store WHERE aggregate_id = ? AND sequence_number = 2",
	} {
		a := command(newID(), 0, 3)
		mustAppend(t, store, a)
		run(t, admin, strings.Replace(cql, "%", config.Keyspace, 1), a.AggregateID)
		if got, err := store.Load(t.Context(), a.AggregateID, 0); !errors.Is(err, ports.ErrCorrupt) || got != nil {
			t.Errorf("%s: %d records, error %v, want %v", name, len(got), err, ports.ErrCorrupt)
		}
	}
}
