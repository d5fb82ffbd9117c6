package embedded_test

import (
	"errors"
	"testing"

	"orderflow/adapters/embedded/internal/layout"
	"orderflow/ports"
)

// The states of an aggregate that was created just now are not looked up: neither the view's own
// question nor its first change reads. A row that cannot be read shows whether something was read.
func TestStore_LooksForNoStateOfANewAggregate(t *testing.T) {
	t.Parallel()
	store := openNew(t)
	view := ports.ViewID{Consumer: "views", Generation: 1}
	damaged := func() uint64 { return store.Stats().DamagedRows }

	id := newID()
	if err := store.Damage(layout.StateKey(view, id)); err != nil {
		t.Fatal(err)
	}
	if _, err := store.State(t.Context(), view, id); !errors.Is(err, ports.ErrCorrupt) {
		t.Fatalf("an aggregate without events: %v; want that its state is read", err)
	}

	id = newID()
	if err := store.Damage(layout.StateKey(view, id)); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, store.Store, command(id, 0, 1))
	before := damaged()
	if state, err := store.State(t.Context(), view, id); err != nil || state.SequenceNumber != 0 {
		t.Errorf("a new aggregate: %d, %v; want nothing", state.SequenceNumber, err)
	}
	change := ports.Change{AggregateID: id, State: ports.ViewState{SequenceNumber: 1, Data: []byte("{}")}}
	if err := store.Apply(t.Context(), view, change); err != nil {
		t.Fatal(err)
	}
	if now := damaged(); now != before {
		t.Errorf("the first change has read the state")
	}
	if state, err := store.State(t.Context(), view, id); err != nil || state.SequenceNumber != 1 {
		t.Errorf("after the first change: %d, %v; want 1", state.SequenceNumber, err)
	}

	if err := store.Damage(layout.StateKey(view, id)); err != nil {
		t.Fatal(err)
	}
	if _, err := store.State(t.Context(), view, id); !errors.Is(err, ports.ErrCorrupt) {
		t.Errorf("after the first change: %v; want that the state is read", err)
	}
}
