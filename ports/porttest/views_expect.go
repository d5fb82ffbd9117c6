package porttest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/projection"
	"orderflow/ports"
)

var someView = ports.ViewID{Consumer: "porttest", Generation: 1}

// applyTo applies a change to a view.
func (t test) applyTo(h ViewsHarness, view ports.ViewID, change ports.Change) {
	t.Helper()
	var err error
	t.within(fmt.Sprintf("apply %s at %d", change.AggregateID, change.State.SequenceNumber), func(ctx context.Context) {
		err = h.Store.Apply(ctx, view, change)
	})
	t.must("apply", err)
}

func (t test) expectState(h ViewsHarness, view ports.ViewID, aggregateID uuid.UUID, want ports.ViewState) {
	t.Helper()
	if diff := differ(t.state(h, view, aggregateID), want); diff != "" {
		t.Fatalf("state (-want +got):\n%s", diff)
	}
}

func (t test) state(h ViewsHarness, view ports.ViewID, aggregateID uuid.UUID) (state ports.ViewState) {
	t.Helper()
	var err error
	t.within("state of "+aggregateID.String(), func(ctx context.Context) {
		state, err = h.Store.State(ctx, view, aggregateID)
	})
	t.must("state", err)
	return state
}

// rows returns a pager over the rows that q asks for.
func (h ViewsHarness) rows(q ports.RowQuery) pager[projection.Row] {
	return func(ctx context.Context, after ports.Cursor, limit int) ([]projection.Row, ports.Cursor, error) {
		q.After, q.Limit = after, limit
		p, err := h.Reader.Rows(ctx, q)
		return p.Rows, p.Next, err
	}
}

// expectTable checks that a table holds exactly these rows, in any order.
func (t test) expectTable(h ViewsHarness, view ports.ViewID, table *projection.Table, want ...projection.Row) {
	t.Helper()
	got := walk(t, h.rows(ports.RowQuery{View: view, Table: table}), "", 100)
	t.expectRows(table, inKeyOrder(table, got), inKeyOrder(table, want))
}

// expectRows compares rows. Their values must have the types that the table declares.
func (t test) expectRows(table *projection.Table, got, want []projection.Row) {
	t.Helper()
	if diff := firstDiffer(got, want); diff != "" {
		t.Fatalf("rows of %s: %s", table.Name, diff)
	}
	for _, row := range got {
		t.must("row", table.CheckRow(row))
	}
}

// inKeyOrder returns rows sorted by their keys.
func inKeyOrder(table *projection.Table, rows []projection.Row) []projection.Row {
	return slices.SortedFunc(slices.Values(rows), func(a, b projection.Row) int { return compareKeys(table, a, b) })
}

// compareKeys defines the key order.
func compareKeys(table *projection.Table, a, b projection.Row) int {
	for i, column := range table.Columns[:table.KeyLen()] {
		order := 0
		switch a := a[i].(type) {
		case string:
			order = strings.Compare(a, b[i].(string))
		case int64:
			order = cmp.Compare(a, b[i].(int64))
		case time.Time:
			order = a.Compare(b[i].(time.Time))
		case uuid.UUID:
			order = slices.Compare(a[:], uuidBytes(b[i]))
		}
		if column.Descending {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

func uuidBytes(value any) []byte {
	id := value.(uuid.UUID)
	return id[:]
}

// day is the first of the days on which the rows of the suite are created.
var day = time.Date(2024, 2, 28, 0, 0, 0, 0, time.UTC)

// listed returns a row of statusTable.
func listed(status string, id uuid.UUID, sequence int64) projection.Row {
	created := day.Add(10 * time.Hour)
	return projection.Row{
		status, created, id,
		"name", 100 * sequence, sequence, created.Add(time.Duration(sequence) * time.Second),
	}
}

// listing returns the change to an aggregate that is in one status now and was in others.
func listing(id uuid.UUID, sequence int64, status string, before ...string) ports.Change {
	change := ports.Change{
		AggregateID: id,
		State: ports.ViewState{
			SequenceNumber: uint64(sequence), Data: fmt.Appendf(nil, `{"status":%q,"sequence":%d}`, status, sequence),
		},
		Table: statusTable(),
		Put:   []projection.Row{listed(status, id, sequence)},
	}
	for _, status := range before {
		change.Delete = append(change.Delete, listed(status, id, sequence-1))
	}
	return change
}

// expectChange checks that statusTable and the state of one aggregate are what change says.
func (t test) expectChange(h ViewsHarness, view ports.ViewID, change ports.Change, rows ...projection.Row) {
	t.Helper()
	t.expectState(h, view, change.AggregateID, change.State)
	t.expectTable(h, view, change.Table, append(rows, change.Put...)...)
}

// labelling returns a change of labelTable, with one row a label.
func labelling(id uuid.UUID, sequence int64, put, gone []string) ports.Change {
	created := day.Add(time.Hour)
	change := ports.Change{
		AggregateID: id,
		State:       ports.ViewState{SequenceNumber: uint64(sequence), Data: []byte(`{}`)},
		Table:       labelTable(),
	}
	row := func(label string) projection.Row {
		return projection.Row{label, created, id, "ACTIVE", sequence}
	}
	for _, label := range put {
		change.Put = append(change.Put, row(label))
	}
	for _, label := range gone {
		change.Delete = append(change.Delete, row(label))
	}
	return change
}
