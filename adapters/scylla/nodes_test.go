package scylla_test

import (
	"errors"
	"testing"
	"time"

	"orderflow/adapters/scylla"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// One of three nodes is lost: after a moment everything continues. With two nodes lost nothing is
// written, and the errors say so.
func TestStore_OutlivesANode(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{Nodes: 3})
	config := on(sim.Hosts())
	config.ReplicationFactor = 3
	store := open(t, prepare(t, config))
	id := newID()
	head := uint64(0)
	// grow appends until n appends in a row were acknowledged, as a caller does: after a conflict,
	// or an unknown outcome, it loads the history again.
	grow := func(n int) {
		t.Helper()
		deadline := time.Now().Add(time.Minute)
		for row := 0; row < n; row++ {
			if time.Now().After(deadline) {
				t.Fatalf("no %d appends in a row", n)
			}
			if _, err := store.Append(t.Context(), command(id, head, 1)); err != nil {
				if !errors.Is(err, ports.ErrUnavailable) && !errors.Is(err, ports.ErrOutcomeUnknown) && !errors.Is(err, ports.ErrVersionConflict) {
					t.Fatal(err)
				}
				row = -1
			}
			if history, err := store.Load(t.Context(), id, 0); err == nil {
				head = uint64(len(history))
			}
		}
	}
	grow(5)
	sim.StopNode(2)
	grow(20)
	sim.Advance(15 * time.Second)
	mustSweep(t, open(t, config))
	expectDelivered(t, store, id)

	sim.StopNode(3)
	before := sim.QueryCount(config.Keyspace+".event_store", scyllasim.KindLWT)
	if _, err := store.Append(t.Context(), command(id, head, 1)); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("append with one node of three: error %v, want %v", err, ports.ErrUnavailable)
	}
	if n := sim.QueryCount(config.Keyspace+".event_store", scyllasim.KindLWT) - before; n != 0 {
		t.Errorf("%d conditional writes were sent without an intent", n)
	}
	if _, err := store.Load(t.Context(), id, 0); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("load with one node of three: error %v, want %v", err, ports.ErrUnavailable)
	}
	if _, err := scylla.Open(t.Context(), config); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("open with one node of three: error %v, want %v", err, ports.ErrUnavailable)
	}
}
