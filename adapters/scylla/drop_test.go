package scylla_test

import (
	"errors"
	"fmt"
	"testing"

	"orderflow/adapters/scylla"
	"orderflow/domain/order/views"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// in puts the keyspace of a test into a statement.
func in(config scylla.Config, cql string) string { return fmt.Sprintf(cql, config.Keyspace) }

// A drop that fails in the middle is repeated, and leaves nothing of the view in any table.
func TestDropView_GoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	const orders = 60
	for i := range orders {
		mustApply(t, store, change(newID(), 1, i%7, "ACTIVE"))
	}
	table := views.OrdersByStatus().Table
	for _, fault := range []scyllasim.Fault{
		{Table: config.Keyspace + "." + tableName(table), Kind: scyllasim.KindDelete, Nth: 3},
		{Table: config.Keyspace + ".view_buckets", Kind: scyllasim.KindDelete},
		{Table: config.Keyspace + ".consumer_state", Kind: scyllasim.KindDelete, Nth: 30},
		{Table: config.Keyspace + ".consumer_state", Kind: scyllasim.KindSelect},
	} {
		fault.Effect, fault.Times = scyllasim.Unavailable, -1
		remove := sim.Inject(fault)
		if err := store.DropView(t.Context(), view, table); !errors.Is(err, ports.ErrUnavailable) {
			t.Fatalf("error %v, want %v", err, ports.ErrUnavailable)
		}
		remove()
	}
	if err := store.DropView(t.Context(), view, table); err != nil {
		t.Fatal(err)
	}
	s := session(t, sim.Hosts())
	for _, name := range []string{tableName(table), "view_buckets", "consumer_state"} {
		var left int
		if err := s.Query("SELECT COUNT(*) FROM " + config.Keyspace + "." + name).Scan(&left); err != nil || left != 0 {
			t.Errorf("%d rows are left in %s, %v", left, name, err)
		}
	}
}

// A process that was paused still writes to a view that was dropped, with a sequence number as
// timestamp. The write does not show.
func TestDropView_WinsAgainstLateWrites(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, _ := openNew(t, sim.Hosts())
	id := newID()
	mustApply(t, store, change(id, 1, 0, "ACTIVE"))
	if err := store.DropView(t.Context(), view, views.OrdersByStatus().Table); err != nil {
		t.Fatal(err)
	}
	late := change(id, 2, 0, "ACTIVE")
	late.State.SequenceNumber = 1 << 40
	mustApply(t, store, late)
	expectRows(t, store)
	if state, err := store.State(t.Context(), view, id); err != nil || state.SequenceNumber != 0 {
		t.Errorf("state %+v, %v; want none", state, err)
	}
}
