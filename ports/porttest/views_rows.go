package porttest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/projection"
	"orderflow/ports"
)

// rowScenarios are about reading rows.
func rowScenarios() []scenario[ViewsHarness] {
	return []scenario[ViewsHarness]{
		{"every kind of value comes back", everyKindComesBack},
		{"every query finds its rows, in key order", rowsInKeyOrder},
		{"a prefix finds no neighbours", noNeighbours},
		{"text of any bytes is kept apart", anyBytes},
		{"pages give every row once", pagesOfRows},
		{"a cursor goes on where its row was deleted", cursorOnDeletedRow},
		{"a bad cursor is refused", badRowCursor},
	}
}

// put applies a change that puts rows. Each change has its own aggregate.
func (t test) put(h ViewsHarness, table *projection.Table, rows ...projection.Row) {
	t.Helper()
	t.applyTo(h, someView, ports.Change{
		AggregateID: newID(), State: ports.ViewState{SequenceNumber: 1}, Table: table, Put: rows,
	})
}

func (t test) find(h ViewsHarness, table *projection.Table, limit int, prefix ...any) []projection.Row {
	t.Helper()
	return walk(t, h.rows(ports.RowQuery{View: someView, Table: table, Prefix: prefix}), "", limit)
}

// everyKind returns a row of everyKindTable.
func everyKind(area string, number int64, name string, rank int64, at time.Time) projection.Row {
	return projection.Row{area, number, at, name, rank, newID(), "text", int64(1), at, newID()}
}

func everyKindComesBack(t test, h ViewsHarness) {
	table := everyKindTable()
	ordinary, least, greatest := everyKind("a", 1, "n", 1, day), everyKind("a", 1, "n", 1, day),
		everyKind("a", 1, "n", 1, day)
	early, late := time.Date(1969, 12, 31, 23, 59, 59, 999e6, time.UTC), time.Date(2262, 4, 12, 0, 0, 0, 1e6, time.UTC)
	copy(least, everyKind("a\x00", math.MinInt64, "", math.MinInt64, early)[:5])
	copy(least[6:], projection.Row{"", int64(math.MinInt64), time.Time{}, uuid.Nil})
	copy(greatest, everyKind("日本 🛒", math.MaxInt64, "\U0010FFFF", math.MaxInt64, late)[:5])
	copy(greatest[6:], projection.Row{"Zoë\x00\u00ff", int64(math.MaxInt64), late, newID()})
	for _, row := range []projection.Row{ordinary, least, greatest} {
		t.put(h, table, row)
		t.expectRows(table, t.find(h, table, 10, table.Key(row)...), []projection.Row{row})
		t.expectRows(table, t.find(h, table, 10, row[:2]...), []projection.Row{row})
	}
	t.expectTable(h, someView, table, ordinary, least, greatest)
}

// somePartitions returns rows of everyKindTable and timelineTable with every combination of a few
// values in their keys.
func somePartitions(table *projection.Table) []projection.Row {
	owners := []uuid.UUID{newID(), newID()}
	var rows []projection.Row
	for _, rank := range []int64{-2, -1, 0, 3, 256} {
		for _, name := range []string{"", "a", "ab", "b", "é"} {
			for _, after := range []time.Duration{0, time.Millisecond, 25 * time.Hour, 49 * time.Hour} {
				at := day.Add(after)
				for i, owner := range owners {
					if table.Name == timelineTable().Name {
						rows = append(rows, projection.Row{owner, day, name, rank, at, newID(), "note"})
					} else {
						rows = append(rows, everyKind("area", int64(-i), name, rank, at))
					}
				}
			}
		}
	}
	return rows
}

func rowsInKeyOrder(t test, h ViewsHarness) {
	for _, table := range []*projection.Table{everyKindTable(), timelineTable()} {
		rows := somePartitions(table)
		t.put(h, table, rows...)
		sorted := inKeyOrder(table, rows)
		for length := 2; length <= table.KeyLen(); length++ {
			for _, i := range []int{0, 7, 42, 99} {
				prefix := rows[i][:length]
				want := slices.DeleteFunc(slices.Clone(sorted), func(row projection.Row) bool {
					return !projection.SameRow(row[:length], prefix)
				})
				t.expectRows(table, t.find(h, table, 17, prefix...), want)
			}
		}
		t.expectTable(h, someView, table, rows...)
	}
}

// noNeighbours has partitions whose names are prefixes of each other, or that become equal when
// their parts are joined.
func noNeighbours(t test, h ViewsHarness) {
	t.expectApart(h, "a", "ab", "a1", "a ", "A", "a,1", `a"`)
}

// anyBytes has texts with the bytes that encodings of keys use themselves.
func anyBytes(t test, h ViewsHarness) {
	texts := []string{"a", "a\x00", "a\x00\x00", "a\x00\x01", "a\x01", "a\x00b", "a\u00ff", "a|b", "a/b", "a:b"}
	if h.BinaryText {
		texts = append(texts, "a\xff", "a\xff\xff", "a\x00\xff", "a\xff\x00", "a\xfe", "\xff")
	} else {
		t.Log("absent: this store keeps only valid UTF-8, so text of other bytes is not tested")
	}
	t.expectApart(h, texts...)
}

// expectApart checks that partitions and clustering columns of different texts share no rows, and
// that rows are in text order.
func (t test) expectApart(h ViewsHarness, texts ...string) {
	t.Helper()
	table := everyKindTable()
	var rows []projection.Row
	for _, area := range texts {
		for _, number := range []int64{1, 11, -1, 256} {
			rows = append(rows, everyKind(area, number, "n", 1, day))
		}
		rows = append(rows, everyKind("names", 1, area, 1, day), everyKind("names", 1, area, 2, day))
	}
	t.put(h, table, rows...)
	for _, row := range rows {
		if row[0] != "names" {
			t.expectRows(table, t.find(h, table, 10, row[:2]...), []projection.Row{row})
		}
		want := slices.DeleteFunc(inKeyOrder(table, rows),
			func(other projection.Row) bool { return !projection.SameRow(other[:4], row[:4]) })
		t.expectRows(table, t.find(h, table, 10, row[:4]...), want)
	}
	names := slices.DeleteFunc(inKeyOrder(table, rows), func(row projection.Row) bool { return row[0] != "names" })
	t.expectRows(table, t.find(h, table, 3, "names", int64(1)), names)
}

func pagesOfRows(t test, h ViewsHarness) {
	table := everyKindTable()
	var here []projection.Row
	for n := range 4 {
		for days := range 3 {
			here = append(here, everyKind("here", 1, "n", int64(n), day.AddDate(0, 0, days)))
		}
	}
	there := everyKind("there", 1, "n", 1, day)
	all := append([]projection.Row{there}, here...)
	t.put(h, table, all...)
	for _, limit := range []int{1, 2, 4, 12, 13, 100} {
		t.expectRows(table, t.find(h, table, limit, "here", int64(1)), inKeyOrder(table, here))
		t.expectRows(table, inKeyOrder(table, t.find(h, table, limit)), inKeyOrder(table, all))
		next := day.AddDate(0, 0, 1)
		ofDay := slices.DeleteFunc(inKeyOrder(table, here), func(row projection.Row) bool { return row[2] != next })
		t.expectRows(table, t.find(h, table, limit, "here", int64(1), next), ofDay)
	}
}

// cursorOnDeletedRow deletes the rows of the first page and adds one before them and one at the
// end. Then it continues. In a listing of the whole table the new rows may be anywhere.
func cursorOnDeletedRow(t test, h ViewsHarness) {
	table := everyKindTable()
	for _, prefix := range [][]any{{"here", int64(1)}, nil} {
		view := ports.ViewID{Consumer: fmt.Sprint("porttest-", len(prefix)), Generation: 1}
		row := func(rank int64) projection.Row { return everyKind("here", 1, "n", rank, day) }
		change := ports.Change{AggregateID: newID(), State: ports.ViewState{SequenceNumber: 1}, Table: table}
		// rank is descending
		change.Put = []projection.Row{row(50), row(40), row(30), row(20), row(10)}
		t.applyTo(h, view, change)
		list := h.rows(ports.RowQuery{View: view, Table: table, Prefix: prefix})
		first, next := page(t, list, "", 2)
		read := func(row projection.Row) bool {
			return slices.ContainsFunc(first, func(other projection.Row) bool { return projection.SameRow(row, other) })
		}
		rest := slices.DeleteFunc(slices.Clone(change.Put), read)
		if prefix != nil {
			t.expectRows(table, first, change.Put[:2])
		}

		added := []projection.Row{row(60), row(5)}
		t.applyTo(h, view, ports.Change{
			AggregateID: change.AggregateID, State: ports.ViewState{SequenceNumber: 2}, Table: table,
			Put: added, Delete: first,
		})
		got := walk(t, list, next, 2)
		if prefix != nil {
			t.expectRows(table, got, append(rest, added[1]))
			continue
		}
		got = slices.DeleteFunc(got, func(row projection.Row) bool {
			return projection.SameRow(row, added[0]) || projection.SameRow(row, added[1])
		})
		t.expectRows(table, inKeyOrder(table, got), inKeyOrder(table, rest))
	}
}

func badRowCursor(t test, h ViewsHarness) {
	table, other := everyKindTable(), timelineTable()
	rows := somePartitions(table)
	t.put(h, table, rows...)
	t.put(h, other, somePartitions(other)...)
	query := ports.RowQuery{View: someView, Table: table, Prefix: rows[0][:2]}
	_, own := page(t, h.rows(query), "", 3)
	if _, err := h.Reader.Rows(t.Context(), with(query, func(q *ports.RowQuery) { q.After = own })); err != nil {
		t.Fatalf("rows behind a good cursor: %v", err)
	}
	var foreign []ports.Cursor
	for _, change := range []func(*ports.RowQuery){
		func(q *ports.RowQuery) { q.Prefix = rows[1][:2] },
		func(q *ports.RowQuery) { q.Prefix = rows[0][:3] },
		func(q *ports.RowQuery) { q.Prefix = nil },
		func(q *ports.RowQuery) { q.Table, q.Prefix = other, nil },
	} {
		_, cursor := page(t, h.rows(with(query, change)), "", 3)
		foreign = append(foreign, cursor)
	}
	list := func(q ports.RowQuery) func(context.Context, ports.Cursor) error {
		return func(ctx context.Context, cursor ports.Cursor) error {
			q.After, q.Limit = cursor, 3
			_, err := h.Reader.Rows(ctx, q)
			return err
		}
	}
	t.refusesCursors(list(query), foreign...)
	t.refusesCursors(list(with(query, func(q *ports.RowQuery) { q.Prefix = nil })), own)
	t.refusesCursors(list(with(query, func(q *ports.RowQuery) { q.View.Generation = 2 })), own)
	t.refusesCursors(list(with(query, func(q *ports.RowQuery) { q.View.Consumer = "porttest-2" })), own)
}

// with returns a changed copy of q with a limit.
func with(q ports.RowQuery, change func(*ports.RowQuery)) ports.RowQuery {
	q.Limit = 3
	change(&q)
	return q
}
