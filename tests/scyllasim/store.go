package scyllasim

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"sort"
)

// noTime is the timestamp of a cell that was never written or deleted.
const noTime = math.MinInt64

// cell is one written value. A nil value is a tombstone.
type cell struct {
	ts      int64 // microseconds
	ttl     int64 // seconds, 0 = none
	expires int64 // unix seconds, 0 = never
	value   []byte
}

func (c cell) live(now int64) bool {
	return c.value != nil && (c.expires == 0 || now < c.expires)
}

// newer returns the cell that wins: the later timestamp, then the tombstone, then the one that
// expires, then the larger value, then the one that expires later.
func newer(a, b cell) cell {
	if a.ts != b.ts {
		if a.ts > b.ts {
			return a
		}
		return b
	}
	switch {
	case a.value == nil:
		return a
	case b.value == nil:
		return b
	case (a.expires != 0) != (b.expires != 0):
		if a.expires != 0 {
			return a
		}
		return b
	}
	if c := bytes.Compare(a.value, b.value); c > 0 || c == 0 && a.expires > b.expires {
		return a
	}
	return b
}

// columnData is what a row holds of one column.
type columnData struct {
	cell  cell            // of an atomic column
	tomb  int64           // of a multi-cell column: elements up to here are gone
	elems map[string]cell // of a multi-cell column, by element key
}

func newColumnData() *columnData { return &columnData{cell: cell{ts: noTime}, tomb: noTime} }

// read returns the live value, or nil.
func (d *columnData) read(c *column, del, now int64) []byte {
	if d == nil {
		return nil
	}
	if !c.typ.multiCell() {
		if d.cell.ts > del && d.cell.live(now) {
			return d.cell.value
		}
		return nil
	}
	del = max(del, d.tomb)
	var es []element
	for k, e := range d.elems {
		if e.ts > del && e.live(now) {
			es = append(es, element{[]byte(k), e.value})
		}
	}
	if len(es) == 0 {
		return nil
	}
	return c.typ.join(c.typ.sorted(es))
}

// row is a stored row, or the part of one that a mutation writes. A static row has no clustering
// key.
type row struct {
	ck     [][]byte
	marker cell // of INSERT: keeps a row of nulls alive
	del    int64
	cols   map[*column]*columnData
	// touched is when it was last written, in Unix seconds by the server's clock. Timestamps do not
	// say that.
	touched int64
}

func newRow(ck [][]byte) *row {
	return &row{ck: ck, marker: cell{ts: noTime}, del: noTime, cols: map[*column]*columnData{}}
}

func (r *row) column(c *column) *columnData {
	d := r.cols[c]
	if d == nil {
		d = newColumnData()
		r.cols[c] = d
	}
	return d
}

func (r *row) live(del, now int64) bool {
	del = max(del, r.del)
	if r.marker.ts > del && r.marker.live(now) {
		return true
	}
	for c, d := range r.cols {
		if d.read(c, del, now) != nil {
			return true
		}
	}
	return false
}

func (r *row) merge(src *row) {
	r.del = max(r.del, src.del)
	r.marker = newer(r.marker, src.marker)
	for c, s := range src.cols {
		d := r.column(c)
		d.cell = newer(d.cell, s.cell)
		d.tomb = max(d.tomb, s.tomb)
		for k, e := range s.elems {
			if d.elems == nil {
				d.elems = map[string]cell{}
			}
			if old, ok := d.elems[k]; ok {
				e = newer(old, e)
			}
			d.elems[k] = e
		}
	}
}

// lastTouched is the latest moment, in unix seconds, at which anything of the row was written or
// expired.
func (r *row) lastTouched() int64 {
	at := max(r.touched, r.marker.expires)
	for _, d := range r.cols {
		at = max(at, d.cell.expires)
		for _, e := range d.elems {
			at = max(at, e.expires)
		}
	}
	return at
}

// bound is one end of a clustering range. A nil key means no bound.
type bound struct {
	ck        [][]byte
	inclusive bool
}

type rangeTomb struct {
	lo, hi bound
	ts     int64
	at     int64 // when it was written, in unix seconds by the server's clock
}

func (r rangeTomb) covers(t *table, ck [][]byte) bool {
	if r.lo.ck != nil {
		if c := t.compareCK(ck, r.lo.ck); c < 0 || c == 0 && !r.lo.inclusive {
			return false
		}
	}
	if r.hi.ck != nil {
		if c := t.compareCK(ck, r.hi.ck); c > 0 || c == 0 && !r.hi.inclusive {
			return false
		}
	}
	return true
}

// partition is a stored partition, or a mutation of one: what is written and deleted in it.
type partition struct {
	t      *table
	key    [][]byte
	token  int64
	del    int64
	static *row
	rows   []*row // in clustering order
	ranges []rangeTomb

	writes  int       // since the last compaction
	pending *proposal // a Paxos round that was accepted and not learned
	ballot  int64     // of the last conditional write
}

func newPartition(t *table, key [][]byte) *partition {
	return &partition{t: t, key: key, token: t.token(key), del: noTime, static: newRow(nil)}
}

// find returns the index of the row with the clustering key, or the index where it belongs.
func (p *partition) find(ck [][]byte) (int, bool) {
	return slices.BinarySearchFunc(p.rows, ck, func(r *row, ck [][]byte) int { return p.t.compareCK(r.ck, ck) })
}

// row returns the row with the clustering key, and creates it when it is missing.
func (p *partition) row(ck [][]byte) *row {
	i, ok := p.find(ck)
	if !ok {
		p.rows = slices.Insert(p.rows, i, newRow(ck))
	}
	return p.rows[i]
}

// add merges a mutation into another mutation of the same partition.
func (p *partition) add(m *mutation) {
	p.del = max(p.del, m.del)
	p.static.merge(m.static)
	for _, src := range m.rows {
		p.row(src.ck).merge(src)
	}
	p.ranges = append(p.ranges, m.ranges...)
}

// apply merges a mutation into a stored partition. The result does not depend on the order of the
// mutations. What was deleted before droppable may be dropped.
func (p *partition) apply(m *mutation, now, droppable int64) {
	known := len(p.ranges)
	p.add(m)
	for i := range p.ranges[known:] {
		p.ranges[known+i].at = now
	}
	for _, src := range m.rows {
		r := p.row(src.ck)
		r.touched = now
		for _, rt := range p.ranges[:known] {
			r.shadow(p.t, rt)
		}
	}
	for _, rt := range m.ranges {
		for _, r := range p.rows {
			r.shadow(p.t, rt)
		}
	}
	if p.writes += len(m.rows) + len(m.ranges); p.writes > 64+len(p.rows)/2 {
		p.compact(now, droppable)
	}
}

func (r *row) shadow(t *table, rt rangeTomb) {
	if rt.covers(t, r.ck) {
		r.del = max(r.del, rt.ts)
	}
}

// compact drops rows and range tombstones that were dead before droppable.
func (p *partition) compact(now, droppable int64) {
	p.writes = 0
	p.rows = slices.DeleteFunc(p.rows, func(r *row) bool {
		return r.lastTouched() < droppable && !r.live(p.del, now)
	})
	p.ranges = slices.DeleteFunc(p.ranges, func(r rangeTomb) bool { return r.at < droppable })
}

// store is the data of one table.
type store struct {
	byKey  map[string]*partition
	sorted []*partition // by token, then key
	dirty  bool
}

func (s *store) get(key [][]byte) *partition { return s.byKey[string(compositeKey(key))] }

// make returns the partition of a key. A new one is empty.
func (s *store) make(t *table, key [][]byte) *partition {
	k := string(compositeKey(key))
	p := s.byKey[k]
	if p == nil {
		if s.byKey == nil {
			s.byKey = map[string]*partition{}
		}
		p = newPartition(t, key)
		s.byKey[k] = p
		s.sorted = append(s.sorted, p)
		s.dirty = true
	}
	return p
}

// ring lists the partitions in ring order.
func (s *store) ring() []*partition {
	if s.dirty {
		sort.Slice(s.sorted, func(i, j int) bool {
			a, b := s.sorted[i], s.sorted[j]
			if c := cmp.Compare(a.token, b.token); c != 0 {
				return c < 0
			}
			return bytes.Compare(compositeKey(a.key), compositeKey(b.key)) < 0
		})
		s.dirty = false
	}
	return s.sorted
}

// mutation is a partition that holds only what one statement or batch writes.
type mutation = partition
