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
	rows   []Row // current rows
	passed []Row // rows at the start and after each step except for the last; keys repeat
	steps  int
}

func newDiff(table *Table, rows []Row) *diff { return &diff{table: table, rows: rows} }

// to adds a step that ends with rows.
func (d *diff) to(rows []Row) {
	d.passed = append(d.passed, d.rows...)
	d.rows = rows
	d.steps++
}

func (d *diff) result() (put, gone []Row) {
	type fate struct {
		row  Row // nil for a row that does not exist any more
		same int // the number of steps that started with the current row
	}
	fates := make(map[string]*fate, len(d.rows))
	keys := make([]string, len(d.rows))
	for i, row := range d.rows {
		keys[i] = d.key(row)
		fates[keys[i]] = &fate{row: row}
	}
	for _, row := range d.passed {
		key := d.key(row)
		switch f := fates[key]; {
		case f == nil:
			fates[key] = &fate{}
			gone = append(gone, row)
		case SameRow(f.row, row):
			f.same++
		}
	}
	for i, row := range d.rows {
		if fates[keys[i]].same != d.steps {
			put = append(put, row)
		}
	}
	return put, gone
}

// key renders the key columns so that different keys are different texts: text starts with its
// length, numbers end with a separator, and all UUIDs have the same length.
func (d *diff) key(row Row) string {
	b := make([]byte, 0, 128)
	for _, value := range d.table.Key(row) {
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
