package porttest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"orderflow/domain/projection"
	"orderflow/ports"
)

// spreadScenarios are about lists whose rows are in several buckets and shards.
func spreadScenarios() []scenario[ViewsHarness] {
	return []scenario[ViewsHarness]{
		{"a list is in order across buckets and shards", orderAcross},
		{"a page goes on in whatever bucket the last one ended", pagesAcross},
		{"a page can be read again from its cursor", pageAgain},
		{"a list passes over buckets that are empty", emptyBuckets},
		{"a bucket that was empty can be used again", bucketAgain},
		{"a list has any number of buckets", manyBuckets},
		{"rows come and go between pages, in other buckets", betweenPages},
	}
}

// spreadTable is a table with buckets and shards that lists aggregates by their status.
type spreadTable struct {
	*projection.Table
	// bucket returns the start of the bucket that comes n buckets later in time.
	bucket func(n int) time.Time
}

func spreadTables() []spreadTable {
	return []spreadTable{
		{statusTable(), func(n int) time.Time { return day.Add(time.Duration(n) * time.Hour) }},
		{queueTable(), func(n int) time.Time { return time.Date(1990, time.January+time.Month(n), 1, 0, 0, 0, 0, time.UTC) }},
	}
}

// row returns a row of a new aggregate in a status.
func (s spreadTable) row(status string, created time.Time) projection.Row {
	if s.OldestFirst() {
		return projection.Row{status, created, newID(), int64(1)}
	}
	return projection.Row{status, created, newID(), "name", int64(1), int64(1), created}
}

// rows returns rows of new aggregates in the first buckets: several in each, some of them created
// at the same time.
func (s spreadTable) rows(status string, buckets, inEach int) (rows []projection.Row) {
	for bucket := range buckets {
		for n := range inEach {
			rows = append(rows, s.row(status, s.bucket(bucket).Add(time.Duration(n/3)*time.Millisecond)))
		}
	}
	return rows
}

// put applies a change for each row, all at once.
func (s spreadTable) put(t test, h ViewsHarness, rows ...projection.Row) {
	t.Helper()
	changes := make([]ports.Change, len(rows))
	for i, row := range rows {
		id, _ := s.OwnerOf(row)
		changes[i] = ports.Change{
			AggregateID: id, State: ports.ViewState{SequenceNumber: 1}, Table: s.Table, Put: []projection.Row{row},
		}
	}
	var err error
	t.within("Apply", func(ctx context.Context) { err = h.Store.Apply(ctx, someView, changes...) })
	t.must("put rows", err)
}

// move moves rows to another status.
func (s spreadTable) move(t test, h ViewsHarness, status string, rows ...projection.Row) {
	t.Helper()
	changes := make([]ports.Change, len(rows))
	for i, row := range rows {
		id, _ := s.OwnerOf(row)
		moved := slices.Clone(row)
		moved[0] = status
		changes[i] = ports.Change{
			AggregateID: id, State: ports.ViewState{SequenceNumber: 2}, Table: s.Table,
			Put: []projection.Row{moved}, Delete: []projection.Row{row},
		}
	}
	var err error
	t.within("Apply", func(ctx context.Context) { err = h.Store.Apply(ctx, someView, changes...) })
	t.must("move rows", err)
}

// list returns a pager over the rows in a status.
func (s spreadTable) list(h ViewsHarness, status string) pager[projection.Row] {
	return h.rows(ports.RowQuery{View: someView, Table: s.Table, Prefix: []any{status}})
}

func orderAcross(t test, h ViewsHarness) {
	for _, s := range spreadTables() {
		rows := s.rows("ACTIVE", 5, 24)
		s.put(t, h, rows...)
		s.put(t, h, s.rows("SHIPPED", 5, 2)...)
		for _, limit := range []int{1, 7, 24, 200} {
			t.expectRows(s.Table, walk(t, s.list(h, "ACTIVE"), "", limit), inKeyOrder(s.Table, rows))
		}
		// one bucket, one moment in it, and one row
		of := func(length int, row projection.Row) {
			want := slices.DeleteFunc(inKeyOrder(s.Table, rows), func(other projection.Row) bool {
				return !projection.SameRow(other[:length], row[:length])
			})
			t.expectRows(s.Table, t.find(h, s.Table, 2, row[:length]...), want)
		}
		of(2, rows[30])
		of(3, rows[30])
	}
}

func pagesAcross(t test, h ViewsHarness) {
	for _, s := range spreadTables() {
		rows := s.rows("ACTIVE", 4, 7)
		s.put(t, h, rows...)
		rows = inKeyOrder(s.Table, rows)
		for first := 1; first < len(rows); first++ {
			got, next := page(t, s.list(h, "ACTIVE"), "", first)
			t.expectRows(s.Table, got, rows[:first])
			t.expectRows(s.Table, walk(t, s.list(h, "ACTIVE"), next, 5), rows[first:])
		}
	}
}

func pageAgain(t test, h ViewsHarness) {
	for _, s := range spreadTables() {
		rows := s.rows("ACTIVE", 4, 7)
		s.put(t, h, rows...)
		rows = inKeyOrder(s.Table, rows)
		_, second := page(t, s.list(h, "ACTIVE"), "", 5)
		_, third := page(t, s.list(h, "ACTIVE"), second, 5)
		for range 2 {
			for start, cursor := range map[int]ports.Cursor{0: "", 5: second, 10: third} {
				got, _ := page(t, s.list(h, "ACTIVE"), cursor, 5)
				t.expectRows(s.Table, got, rows[start:start+5])
			}
		}
	}
}

// emptyBuckets leaves a row in the first bucket, in one in the middle, and in the last one.
func emptyBuckets(t test, h ViewsHarness) {
	for _, s := range spreadTables() {
		const buckets = 40
		var left, gone []projection.Row
		for i, row := range s.rows("ACTIVE", buckets, 2) {
			if i == 0 || i == buckets || i == 2*buckets-1 {
				left = append(left, row)
			} else {
				gone = append(gone, row)
			}
		}
		s.put(t, h, append(left, gone...)...)
		s.move(t, h, "SHIPPED", gone...)
		for range 2 {
			for _, limit := range []int{1, 2, 3, 100} {
				t.expectRows(s.Table, walk(t, s.list(h, "ACTIVE"), "", limit), inKeyOrder(s.Table, left))
			}
		}
		s.move(t, h, "SHIPPED", left...)
		t.expectRows(s.Table, walk(t, s.list(h, "ACTIVE"), "", 10), nil)
	}
}

func bucketAgain(t test, h ViewsHarness) {
	for _, s := range spreadTables() {
		rows := s.rows("ACTIVE", 3, 2)
		s.put(t, h, rows...)
		s.move(t, h, "SHIPPED", rows...)
		t.expectRows(s.Table, walk(t, s.list(h, "ACTIVE"), "", 10), nil)
		again := s.rows("ACTIVE", 3, 2)
		s.put(t, h, again...)
		t.expectRows(s.Table, walk(t, s.list(h, "ACTIVE"), "", 10), inKeyOrder(s.Table, again))
	}
}

func manyBuckets(t test, h ViewsHarness) {
	for _, s := range spreadTables() {
		rows := s.rows("ACTIVE", 300, 1)
		s.put(t, h, rows...)
		for _, limit := range []int{40, 1000} {
			t.expectRows(s.Table, walk(t, s.list(h, "ACTIVE"), "", limit), inKeyOrder(s.Table, rows))
		}
	}
}

// betweenPages reads a page. Then the rows of that page go, and the bucket of its last row with
// them, and rows come in buckets before and after it.
func betweenPages(t test, h ViewsHarness) {
	for i, s := range spreadTables() {
		status := fmt.Sprint("ACTIVE-", i)
		rows := s.rows(status, 6, 4)
		s.put(t, h, rows...)
		rows = inKeyOrder(s.Table, rows)
		first, next := page(t, s.list(h, status), "", 6) // it ends within the second bucket
		t.expectRows(s.Table, first, rows[:6])

		before, behind := s.row(status, s.bucket(9)), s.row(status, s.bucket(-3))
		if s.OldestFirst() {
			before, behind = behind, before
		}
		s.move(t, h, "SHIPPED", rows[:12]...)
		s.put(t, h, before, behind)
		t.expectRows(s.Table, walk(t, s.list(h, status), next, 5), append(slices.Clone(rows[12:]), behind))
	}
}
