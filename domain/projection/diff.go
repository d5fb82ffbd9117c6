package projection

import (
	"strconv"
	"time"

	"github.com/google/uuid"
)

// diff collects how the rows of one aggregate change over one or more steps.
//
// Rows of intermediate steps count too, although this process may never have stored them. Another
// process may have stored them, and on a store without transactions its late write must lose
// against one of ours. So a row that existed only in between is deleted. A row that has its first
// values again, or that exists again, is put again.
type diff struct {
	table  *Table
	rows   []Row   // current rows
	passed [][]Row // the rows at the start and after each step except for the last
}

func newDiff(table *Table, rows []Row) *diff { return &diff{table: table, rows: rows} }

// to adds a step that ends with rows.
func (d *diff) to(rows []Row) {
	d.passed = append(d.passed, d.rows)
	d.rows = rows
}

// few is the number of rows up to which comparing each with each is faster than a map.
const few = 8

func (d *diff) result() (put, gone []Row) {
	find, known := d.finder(d.rows), d.finder(nil)
	same := make([]int, len(d.rows)) // the number of steps that started with this row
	for _, rows := range d.passed {
		for _, row := range rows {
			switch i := find.index(row); {
			case i >= 0:
				if SameRow(d.rows[i], row) {
					same[i]++
				}
			case known.index(row) < 0:
				known.add(row)
				gone = append(gone, row)
			}
		}
	}
	for i, row := range d.rows {
		if same[i] != len(d.passed) {
			put = append(put, row)
		}
	}
	return put, gone
}

// finder finds rows by their keys.
type finder struct {
	table *Table
	keys  int
	rows  []Row
	// byKey has the keys of the rows if there are many.
	byKey map[string]int
}

func (d *diff) finder(rows []Row) *finder {
	f := &finder{table: d.table, keys: d.table.KeyLen(), rows: rows}
	if len(rows) > few {
		f.indexAll()
	}
	return f
}

func (f *finder) indexAll() {
	f.byKey = make(map[string]int, len(f.rows))
	for i, row := range f.rows {
		f.byKey[f.table.textOfKey(row)] = i
	}
}

func (f *finder) add(row Row) {
	f.rows = append(f.rows, row)
	switch {
	case f.byKey != nil:
		f.byKey[f.table.textOfKey(row)] = len(f.rows) - 1
	case len(f.rows) > few:
		f.indexAll()
	}
}

// index returns the place of the row with the key of row, or -1.
func (f *finder) index(row Row) int {
	if f.byKey != nil {
		if i, ok := f.byKey[f.table.textOfKey(row)]; ok {
			return i
		}
		return -1
	}
	for i := range f.rows {
		if SameRow(f.rows[i][:f.keys], row[:f.keys]) {
			return i
		}
	}
	return -1
}

// textOfKey renders the key columns so that different keys are different texts: text starts with
// its length, numbers end with a separator, and all UUIDs have the same length.
func (t *Table) textOfKey(row Row) string {
	b := make([]byte, 0, 128)
	for _, value := range t.Key(row) {
		switch v := value.(type) {
		case string:
			b = append(strconv.AppendInt(b, int64(len(v)), 10), ':')
			b = append(b, v...)
		case int64:
			b = append(strconv.AppendInt(b, v, 10), ',')
		case time.Time:
			b = append(strconv.AppendInt(b, v.UnixMilli(), 10), ',')
		case uuid.UUID:
			b = append(b, v[:]...)
		}
	}
	return string(b)
}

// SameRow reports whether a and b hold equal values.
func SameRow(a, b Row) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if ta, ok := a[i].(time.Time); ok {
			if tb, ok := b[i].(time.Time); !ok || !ta.Equal(tb) {
				return false
			}
		} else if a[i] != b[i] {
			return false
		}
	}
	return true
}
