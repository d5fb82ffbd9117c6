package projection

import (
	"fmt"
	"time"
)

// diff collects how the rows of one order change over one or more steps.
//
// Rows of intermediate steps are deleted too, although this process may never have stored them: another process may have,
// and on a store without transactions its late write must lose against a deletion of ours.
type diff struct {
	table  *Table
	before map[string]Row // rows at the start, by key
	rows   []Row          // rows now
	passed []Row          // rows at the start and after each step but the last; keys may repeat
}

func newDiff(table *Table, rows []Row) *diff {
	d := &diff{table: table, rows: rows, before: make(map[string]Row, len(rows))}
	for _, row := range rows {
		d.before[d.key(row)] = row
	}
	return d
}

// to takes the step to rows.
func (d *diff) to(rows []Row) {
	d.passed = append(d.passed, d.rows...)
	d.rows = rows
}

func (d *diff) result() (put, gone []Row) {
	settled := make(map[string]bool, len(d.rows)) // keys that exist now or are deleted already
	for _, row := range d.rows {
		key := d.key(row)
		settled[key] = true
		if old, was := d.before[key]; !was || !SameRow(old, row) {
			put = append(put, row)
		}
	}
	for _, row := range d.passed {
		if key := d.key(row); !settled[key] {
			settled[key] = true
			gone = append(gone, row)
		}
	}
	return put, gone
}

// key renders the key columns so that different keys differ: text is quoted, and the other kinds contain no separator.
func (d *diff) key(row Row) string {
	var b []byte
	for _, value := range d.table.Key(row) {
		switch v := value.(type) {
		case string:
			b = fmt.Appendf(b, "%q,", v)
		case time.Time:
			b = fmt.Appendf(b, "%d,", v.UnixMilli())
		default:
			b = fmt.Appendf(b, "%v,", v)
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
