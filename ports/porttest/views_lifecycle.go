package porttest

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"orderflow/domain/projection"
	"orderflow/ports"
)

func viewsCalls(h ViewsHarness, change ports.Change) []call {
	return []call{
		{"Apply", func(ctx context.Context) error { return h.Store.Apply(ctx, someView, change) }},
		{"State", func(ctx context.Context) error {
			_, err := h.Store.State(ctx, someView, change.AggregateID)
			return err
		}},
		{"Rows", func(ctx context.Context) error {
			_, err := h.Reader.Rows(ctx, ports.RowQuery{View: someView, Table: change.Table, Limit: 1})
			return err
		}},
		{"DropView", func(ctx context.Context) error { return h.Dropper.DropView(ctx, someView, change.Table) }},
	}
}

func viewsCancelled(t test, h ViewsHarness) {
	change := listing(newID(), 1, "ACTIVE")
	t.applyTo(h, someView, change)
	t.refusesCancelled(viewsCalls(h, listing(change.AggregateID, 2, "CONFIRMED", "ACTIVE"))...)
	t.expectChange(h, someView, change)
}

func viewsClosed(t test, h ViewsHarness) {
	change := listing(newID(), 1, "ACTIVE")
	t.applyTo(h, someView, change)
	t.refusesClosed(h, viewsCalls(h, listing(change.AggregateID, 2, "CONFIRMED", "ACTIVE"))...)
}

func viewsMemory(t test, h ViewsHarness) {
	want := listing(newID(), 1, "ACTIVE")
	change := listing(want.AggregateID, 1, "ACTIVE")
	t.applyTo(h, someView, change)
	spoil := func(state ports.ViewState, rows []projection.Row) {
		for i := range state.Data {
			state.Data[i] = 'x'
		}
		for _, row := range rows {
			row[0], row[len(row)-1] = "SPOILED", day
		}
	}
	spoil(change.State, change.Put)
	t.expectChange(h, someView, want)
	spoil(t.state(h, someView, want.AggregateID), nil)
	rows, _ := page(t, h.rows(ports.RowQuery{View: someView, Table: want.Table}), "", 10)
	spoil(ports.ViewState{}, rows)
	t.expectChange(h, someView, want)
}

func viewsReopened(t test, h ViewsHarness) {
	a, b := listing(newID(), 4, "SHIPPED"), listing(newID(), 1, "ACTIVE")
	t.applyTo(h, someView, a)
	t.applyTo(h, someView, b)
	query := ports.RowQuery{View: someView, Table: a.Table}
	first, next := page(t, h.rows(query), "", 1)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectChange(h, someView, a, b.Put...)
	t.expectChange(h, someView, b, a.Put...)
	rest := walk(t, h.rows(query), next, 1)
	t.expectRows(a.Table, inKeyOrder(a.Table, append(first, rest...)), inKeyOrder(a.Table, append(a.Put, b.Put...)))
	t.applyTo(h, someView, listing(a.AggregateID, 4, "DELIVERED", "SHIPPED"))
	t.expectChange(h, someView, a, b.Put...)
}

func appliedAtTheSameTime(t test, h ViewsHarness) {
	const each = 8
	statuses := []string{"ACTIVE", "CONFIRMED", "SHIPPED"}
	last := make([]ports.Change, t.Writers)
	t.together(t.Writers, "changes of different aggregates", func(ctx context.Context, i int) error {
		id := newID()
		for n := 1; n <= each; n++ {
			last[i] = listing(id, int64(n), statuses[n%3], statuses[(n+2)%3])
			if err := h.Store.Apply(ctx, someView, last[i]); err != nil {
				return err
			}
		}
		return nil
	})
	var rows []projection.Row
	for _, change := range last {
		t.expectState(h, someView, change.AggregateID, change.State)
		rows = append(rows, change.Put...)
	}
	t.expectTable(h, someView, last[0].Table, rows...)
}

// stateBehindRows reads a state and then the row while both are being written. The row must be at
// least as new.
func stateBehindRows(t test, h ViewsHarness) {
	const last = 100
	id := newID()
	t.together(2, "a writer and a reader of one aggregate", func(ctx context.Context, i int) error {
		if i == 0 {
			for n := int64(1); n <= last; n++ {
				if err := h.Store.Apply(ctx, someView, listing(id, n, "ACTIVE")); err != nil {
					return err
				}
			}
			return nil
		}
		for seen := uint64(0); seen < last; {
			var err error
			if seen, err = readStateThenRow(ctx, h, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// readStateThenRow returns the sequence number of the state of an aggregate, and an error if the
// row is older.
func readStateThenRow(ctx context.Context, h ViewsHarness, id uuid.UUID) (uint64, error) {
	state, err := h.Store.State(ctx, someView, id)
	if err != nil {
		return 0, err
	}
	table := statusTable()
	page, err := h.Reader.Rows(ctx, ports.RowQuery{View: someView, Table: table, Prefix: []any{"ACTIVE"}, Limit: 10})
	if err != nil {
		return 0, err
	}
	shown := uint64(0)
	for _, row := range page.Rows {
		shown = uint64(table.Get(row, "sequence_number").(int64))
	}
	if shown < state.SequenceNumber {
		return 0, fmt.Errorf("the state is at %d, and the row that was read after it at %d", state.SequenceNumber, shown)
	}
	return state.SequenceNumber, nil
}
