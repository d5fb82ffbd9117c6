package porttest

import (
	"context"
	"errors"

	"orderflow/ports"
)

// repairScenarios are those of ports.ViewRepairer. They pass for a store that does not implement
// it.
func repairScenarios() []scenario[ViewsHarness] {
	return []scenario[ViewsHarness]{
		{"a repair takes the place of whatever is there", repairReplaces},
		{"a repair of what has changed meanwhile changes nothing", repairConflicts},
		{"a repair to nothing leaves nothing", repairToNothing},
	}
}

// repair replaces what someView has of one aggregate.
func (t test) repair(h ViewsHarness, change ports.Change, seen uint64) (err error) {
	t.Helper()
	t.within("Replace", func(ctx context.Context) { err = h.Repairer.Replace(ctx, someView, change, seen) })
	return err
}

func repairReplaces(t test, h ViewsHarness) {
	if h.Repairer == nil {
		return
	}
	other, id := listing(newID(), 2, "ACTIVE"), newID()
	t.applyTo(h, someView, other)
	t.applyTo(h, someView, listing(id, 5, "SHIPPED"))
	seen, before := uint64(5), "SHIPPED"
	for _, repaired := range []struct {
		sequence int64
		status   string
		// the same number, one below and one above
	}{{5, "CONFIRMED"}, {3, "ACTIVE"}, {8, "DELIVERED"}} {
		change := listing(id, repaired.sequence, repaired.status, before)
		t.must("repair", t.repair(h, change, seen))
		t.expectChange(h, someView, change, other.Put...)
		seen, before = uint64(repaired.sequence), repaired.status
	}
	first := listing(newID(), 4, "ACTIVE") // the view has nothing of this one
	t.must("repair", t.repair(h, first, 0))
	t.expectState(h, someView, first.AggregateID, first.State)
}

func repairConflicts(t test, h ViewsHarness) {
	if h.Repairer == nil {
		return
	}
	id := newID()
	now := listing(id, 5, "SHIPPED")
	t.applyTo(h, someView, now)
	for _, seen := range []uint64{0, 4, 6} {
		err := t.repair(h, listing(id, 9, "DELIVERED", "SHIPPED"), seen)
		if !errors.Is(err, ports.ErrVersionConflict) {
			t.Fatalf("repair of what was seen at %d and is at 5: error %v, want %v", seen, err, ports.ErrVersionConflict)
		}
		t.expectChange(h, someView, now)
	}
}

func repairToNothing(t test, h ViewsHarness) {
	if h.Repairer == nil {
		return
	}
	other, id := listing(newID(), 2, "ACTIVE"), newID()
	t.applyTo(h, someView, other)
	t.applyTo(h, someView, listing(id, 5, "SHIPPED"))
	nothing := ports.Change{AggregateID: id, Table: other.Table, Delete: listing(id, 5, "SHIPPED").Put}
	t.must("repair", t.repair(h, nothing, 5))
	t.expectState(h, someView, id, ports.ViewState{})
	t.expectTable(h, someView, other.Table, other.Put...)
	again := listing(id, 1, "ACTIVE")
	t.applyTo(h, someView, again)
	t.expectChange(h, someView, again, other.Put...)
}
