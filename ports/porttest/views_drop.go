package porttest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/google/uuid"

	"orderflow/domain/projection"
	"orderflow/ports"
)

func viewDropScenarios() []scenario[ViewsHarness] {
	return []scenario[ViewsHarness]{
		{"a dropped view is empty, and the others are untouched", dropped},
		{"a view of every table can be dropped", droppedTables},
		{"a view without rows can be dropped", droppedStates},
		{"dropping again, or what never was, does nothing", droppedAgain},
		{"a drop that was interrupted can be repeated", interruptedDrop},
		{"a dropped view stays empty after a restart", droppedReopened},
	}
}

func (t test) drop(h ViewsHarness, view ports.ViewID, table *projection.Table) {
	t.Helper()
	var err error
	t.within("DropView", func(ctx context.Context) { err = h.Dropper.DropView(ctx, view, table) })
	t.must("drop a view", err)
}

// filled is what the suite has put into a view.
type filled struct {
	view  ports.ViewID
	table *projection.Table
	last  []ports.Change // of each aggregate
}

// fill gives n aggregates a history in a view, over several days and statuses.
func (t test) fill(h ViewsHarness, view ports.ViewID, n int) filled {
	t.Helper()
	statuses := []string{"ACTIVE", "CONFIRMED", "SHIPPED"}
	f := filled{view: view, table: statusTable(), last: make([]ports.Change, n)}
	t.together(min(n, t.Writers), "filling a view", func(ctx context.Context, worker int) error {
		for i := worker; i < n; i += min(n, t.Writers) {
			id, status := newID(), statuses[i%3]
			for sequence := int64(1); sequence <= 2; sequence++ {
				change := listing(id, sequence, status)
				created := day.AddDate(0, 0, i%5)
				change.Put[0][1] = created
				if err := h.Store.Apply(ctx, view, change); err != nil {
					return err
				}
				f.last[i] = change
			}
		}
		return nil
	})
	return f
}

func (t test) expectFilled(h ViewsHarness, f filled) {
	t.Helper()
	var rows []projection.Row
	for _, change := range f.last {
		t.expectState(h, f.view, change.AggregateID, change.State)
		rows = append(rows, change.Put...)
	}
	t.expectTable(h, f.view, f.table, rows...)
}

// expectDropped checks that nothing is left of what was put into a view.
func (t test) expectDropped(h ViewsHarness, f filled) {
	t.Helper()
	for _, change := range f.last {
		t.expectState(h, f.view, change.AggregateID, ports.ViewState{})
	}
	t.expectTable(h, f.view, f.table)
	// of each status
	for _, row := range []projection.Row{f.last[0].Put[0], f.last[1].Put[0], f.last[2].Put[0]} {
		q := ports.RowQuery{View: f.view, Table: f.table, Prefix: row[:1]}
		if got := walk(t, h.rows(q), "", 100); len(got) > 0 {
			t.Fatalf("a dropped view has the row %v", got[0])
		}
	}
}

func dropped(t test, h ViewsHarness) {
	gone := t.fill(h, ports.ViewID{Consumer: "porttest", Generation: 2}, 20)
	var others []filled
	for _, view := range []ports.ViewID{
		{Consumer: "porttest", Generation: 1},
		{Consumer: "porttest", Generation: 3},
		{Consumer: "porttest", Generation: 20},
		{Consumer: "porttest-2", Generation: 2},
		{Consumer: "port", Generation: 2},
	} {
		others = append(others, t.fill(h, view, 4))
	}
	t.drop(h, gone.view, gone.table)
	t.expectDropped(h, gone)
	for _, f := range others {
		t.expectFilled(h, f)
	}
}

// droppedTables drops a view of each table, one after the other.
func droppedTables(t test, h ViewsHarness) {
	id := newID()
	for i, table := range append(Tables(), h.Lives.tables()...) {
		view, other := ports.ViewID{Consumer: fmt.Sprint("porttest-", i), Generation: 1},
			ports.ViewID{Consumer: "porttest", Generation: 1}
		change := ports.Change{
			AggregateID: id, State: ports.ViewState{SequenceNumber: uint64(i) + 1}, Table: table,
			Put: []projection.Row{anyRow(table, id)},
		}
		t.applyTo(h, view, change)
		t.applyTo(h, other, change)
		t.drop(h, view, table)
		t.expectState(h, view, id, ports.ViewState{})
		t.expectTable(h, view, table)
		t.expectState(h, other, id, change.State)
		t.expectTable(h, other, table, change.Put...)
	}
}

// anyRow returns a row that fits a table.
func anyRow(table *projection.Table, id uuid.UUID) projection.Row {
	row := make(projection.Row, len(table.Columns))
	for i, column := range table.Columns {
		row[i] = map[projection.Kind]any{
			projection.Text: column.Name, projection.BigInt: int64(i), projection.Timestamp: day, projection.UUID: id,
		}[column.Kind]
	}
	return row
}

func droppedStates(t test, h ViewsHarness) {
	gone, other := ports.ViewID{Consumer: "porttest", Generation: 1}, ports.ViewID{Consumer: "porttest", Generation: 2}
	change := ports.Change{AggregateID: newID(), State: ports.ViewState{SequenceNumber: 7, Data: []byte("x")}}
	t.applyTo(h, gone, change)
	t.applyTo(h, other, change)
	t.drop(h, gone, nil)
	t.expectState(h, gone, change.AggregateID, ports.ViewState{})
	t.expectState(h, other, change.AggregateID, change.State)
}

func droppedAgain(t test, h ViewsHarness) {
	kept := t.fill(h, ports.ViewID{Consumer: "porttest", Generation: 1}, 3)
	gone := t.fill(h, ports.ViewID{Consumer: "porttest", Generation: 2}, 3)
	for range 2 {
		t.drop(h, gone.view, gone.table)
		t.drop(h, ports.ViewID{Consumer: "nobody", Generation: 1}, gone.table)
		t.drop(h, ports.ViewID{Consumer: "nobody", Generation: 1}, nil)
		t.expectDropped(h, gone)
		t.expectFilled(h, kept)
	}
}

// interruptedDrop ends the context of a drop at some moment, which may be too late. What is left
// then does not matter, nor whether there was an error. But the next drop must do all the work.
func interruptedDrop(t test, h ViewsHarness) {
	kept := t.fill(h, ports.ViewID{Consumer: "porttest", Generation: 1}, 3)
	gone := t.fill(h, ports.ViewID{Consumer: "porttest", Generation: 2}, 100)
	for looks := range int64(3) {
		var err error
		t.within("DropView", func(ctx context.Context) {
			ctx, stop := context.WithCancel(ctx)
			defer stop()
			late := &endsLater{Context: ctx, stop: stop}
			late.looks.Store(looks)
			err = h.Dropper.DropView(late, gone.view, gone.table)
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("a drop that was interrupted: error %v, want none or %v", err, context.Canceled)
		}
	}
	t.drop(h, gone.view, gone.table)
	t.expectDropped(h, gone)
	t.expectFilled(h, kept)
}

func droppedReopened(t test, h ViewsHarness) {
	kept := t.fill(h, ports.ViewID{Consumer: "porttest", Generation: 1}, 3)
	gone := t.fill(h, ports.ViewID{Consumer: "porttest", Generation: 2}, 3)
	t.drop(h, gone.view, gone.table)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectDropped(h, gone)
	t.expectFilled(h, kept)
	t.drop(h, gone.view, gone.table)
	t.expectDropped(h, gone)
}

// endsLater is a context that ends after it was checked a number of times.
type endsLater struct {
	context.Context
	stop  context.CancelFunc
	looks atomic.Int64
}

func (e *endsLater) Err() error {
	if e.looks.Add(-1) < 0 {
		e.stop()
	}
	return e.Context.Err()
}
