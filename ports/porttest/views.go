package porttest

import (
	"context"
	"fmt"
	"slices"

	"orderflow/domain/projection"
	"orderflow/ports"
)

func viewsScenarios() []scenario[ViewsHarness] {
	return slices.Concat([]scenario[ViewsHarness]{
		{"an aggregate without effects has the zero state and no rows", noEffects},
		{"state and rows come back", stateAndRows},
		{"a change that is not newer changes nothing", notNewer},
		{"put replaces a row", putReplaces},
		{"delete removes a row, also one that never was", deleteRemoves},
		{"a row moves when its key changes", rowMoves},
		{"an aggregate may have many rows", manyRows},
		{"a change without a table leaves the rows", withoutTable},
		{"aggregates are separate", separateAggregates},
		{"generations are separate", separateGenerations},
		{"consumers are separate", separateViews},
		{"several changes are applied at once, each by itself", appliedAtOnce},
		{"aggregates are applied at the same time", appliedAtTheSameTime},
		{"a state is never ahead of its rows", stateBehindRows},
		{"views equal the folds of their aggregates", viewsEqualFolds},
		{"memory is not shared with callers", viewsMemory},
		{"an ended context stops a call before it does anything", viewsCancelled},
		{"a closed store refuses", viewsClosed},
		{"everything is there after a restart", viewsReopened},
	}, rowScenarios(), spreadScenarios(), viewDropScenarios(), repairScenarios(), checkScenarios(), bulkScenarios())
}

func noEffects(t test, h ViewsHarness) {
	t.expectState(h, someView, newID(), ports.ViewState{})
	for _, table := range Tables() {
		t.expectTable(h, someView, table)
	}
	t.applyTo(h, someView, listing(newID(), 1, "ACTIVE"))
	t.expectState(h, someView, newID(), ports.ViewState{})
}

func stateAndRows(t test, h ViewsHarness) {
	for sequence, data := range [][]byte{nil, {}, []byte(`{"text":"日本"}`), largeJSON(), []byte("\x00\xff")} {
		change := listing(newID(), int64(sequence)+1, fmt.Sprint("STATUS-", sequence))
		change.State.Data = data
		t.applyTo(h, someView, change)
		t.expectState(h, someView, change.AggregateID, change.State)
		got := walk(t, h.rows(ports.RowQuery{View: someView, Table: change.Table, Prefix: change.Put[0][:1]}), "", 10)
		t.expectRows(change.Table, got, change.Put)
	}
}

func notNewer(t test, h ViewsHarness) {
	id := newID()
	current := listing(id, 3, "CONFIRMED")
	t.applyTo(h, someView, current)
	for _, sequence := range []int64{3, 2, 1, 0} {
		late := listing(id, sequence, "ACTIVE", "CONFIRMED")
		t.applyTo(h, someView, late)
		t.expectChange(h, someView, current)
		late.Put[0] = listed("CONFIRMED", id, sequence-1)
		late.Delete = nil
		t.applyTo(h, someView, late)
		t.expectChange(h, someView, current)
	}
	next := listing(id, 4, "SHIPPED", "CONFIRMED")
	t.applyTo(h, someView, next)
	t.expectChange(h, someView, next)
}

func putReplaces(t test, h ViewsHarness) {
	id := newID()
	t.applyTo(h, someView, listing(id, 1, "ACTIVE"))
	next := listing(id, 5, "ACTIVE")
	t.applyTo(h, someView, next)
	t.expectChange(h, someView, next)
}

func deleteRemoves(t test, h ViewsHarness) {
	stays := listing(newID(), 1, "ACTIVE")
	t.applyTo(h, someView, stays)
	gone := listing(newID(), 1, "ACTIVE")
	t.applyTo(h, someView, gone)
	gone = listing(gone.AggregateID, 2, "ACTIVE", "ACTIVE", "NEVER")
	gone.Put = nil
	t.applyTo(h, someView, gone)
	t.expectChange(h, someView, gone, stays.Put...)
	t.expectState(h, someView, stays.AggregateID, stays.State)
}

func rowMoves(t test, h ViewsHarness) {
	id := newID()
	for i, change := range []ports.Change{
		listing(id, 1, "ACTIVE"),
		listing(id, 2, "CONFIRMED", "ACTIVE"),
		listing(id, 4, "DELIVERED", "CONFIRMED", "SHIPPED"),
		listing(id, 5, "ACTIVE", "DELIVERED"),
	} {
		t.applyTo(h, someView, change)
		t.expectState(h, someView, id, change.State)
		t.expectTable(h, someView, change.Table, change.Put...)
		for _, gone := range change.Delete {
			if got := walk(t, h.rows(ports.RowQuery{
				View: someView, Table: change.Table, Prefix: gone[:1],
			}), "", 10); len(got) > 0 {
				t.Fatalf("change %d: the row in %v is still there", i, gone[0])
			}
		}
	}
}

func manyRows(t test, h ViewsHarness) {
	id := newID()
	first := labelling(id, 1, []string{"A", "B", "C", "D", "E"}, nil)
	t.applyTo(h, someView, first)
	t.expectTable(h, someView, first.Table, first.Put...)
	second := labelling(id, 2, []string{"B", "F"}, []string{"A", "E"})
	t.applyTo(h, someView, second)
	t.expectTable(h, someView, first.Table, slices.Concat(first.Put[2:4], second.Put)...)
}

func withoutTable(t test, h ViewsHarness) {
	change := listing(newID(), 1, "ACTIVE")
	t.applyTo(h, someView, change)
	change.State = ports.ViewState{SequenceNumber: 2, Data: []byte("later")}
	t.applyTo(h, someView, ports.Change{AggregateID: change.AggregateID, State: change.State})
	t.expectChange(h, someView, change)
	other := ports.Change{AggregateID: newID(), State: ports.ViewState{SequenceNumber: 7}}
	t.applyTo(h, someView, other)
	t.expectState(h, someView, other.AggregateID, other.State)
}

func separateAggregates(t test, h ViewsHarness) {
	a, b := listing(newID(), 5, "ACTIVE"), listing(newID(), 1, "ACTIVE")
	t.applyTo(h, someView, a)
	t.applyTo(h, someView, b)
	t.expectChange(h, someView, a, b.Put...)
	t.expectChange(h, someView, b, a.Put...)
}

func separateGenerations(t test, h ViewsHarness) {
	t.expectSeparate(h, ports.ViewID{Consumer: "porttest", Generation: 1}, ports.ViewID{Consumer: "porttest", Generation: 2})
}

func separateViews(t test, h ViewsHarness) {
	t.expectSeparate(h, ports.ViewID{Consumer: "porttest", Generation: 1},
		ports.ViewID{Consumer: "porttest-2", Generation: 1})
}

// expectSeparate applies different histories of one aggregate to two views.
func (t test) expectSeparate(h ViewsHarness, one, two ports.ViewID) {
	t.Helper()
	id := newID()
	a, b := listing(id, 5, "SHIPPED"), listing(id, 1, "ACTIVE")
	t.applyTo(h, one, a)
	t.expectState(h, two, id, ports.ViewState{})
	t.expectTable(h, two, a.Table)
	t.applyTo(h, two, b)
	t.expectChange(h, one, a)
	t.expectChange(h, two, b)
	b = listing(id, 2, "CONFIRMED", "ACTIVE", "SHIPPED")
	t.applyTo(h, two, b)
	t.expectChange(h, one, a)
	t.expectChange(h, two, b)
}

func appliedAtOnce(t test, h ViewsHarness) {
	ahead := listing(newID(), 5, "SHIPPED")
	t.applyTo(h, someView, ahead)
	first := listing(newID(), 1, "ACTIVE")
	late := listing(ahead.AggregateID, 4, "CONFIRMED")
	bare := ports.Change{AggregateID: newID(), State: ports.ViewState{SequenceNumber: 2}}
	var many []ports.Change
	for range 40 {
		many = append(many, listing(newID(), 3, "CONFIRMED"))
	}
	all := append([]ports.Change{first, late, bare}, many...)
	for range 2 { // applying it again does no harm
		var err error
		t.within("Apply", func(ctx context.Context) { err = h.Store.Apply(ctx, someView, all...) })
		t.must("apply several changes", err)
	}
	for _, change := range append([]ports.Change{first, ahead, bare}, many...) {
		t.expectState(h, someView, change.AggregateID, change.State)
	}
	rows := append([]projection.Row{}, ahead.Put...)
	for _, change := range append(many, first) {
		rows = append(rows, change.Put...)
	}
	t.expectTable(h, someView, ahead.Table, rows...)
	var err error
	t.within("Apply", func(ctx context.Context) { err = h.Store.Apply(ctx, someView) })
	t.must("apply no change", err)
}
