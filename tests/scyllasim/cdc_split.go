package scyllasim

import (
	"cmp"
	"slices"
)

// changeGroup holds what a mutation writes with one timestamp: one cdc$time, in the order of the
// log.
type changeGroup struct {
	ts      int64
	static  []*rowChange
	inserts []*rowChange
	updates []*rowChange
	rowDels [][][]byte
	ranges  []rangeTomb
	whole   bool // the partition is deleted
}

// rowChange is what a mutation writes to one row with one timestamp and one TTL. Changes without a
// TTL (nulls, and the tombstone under a written collection) are separate. Therefore one INSERT can
// be three log rows.
type rowChange struct {
	ts, ttl int64
	ck      [][]byte
	insert  bool
	cols    map[*column]*colChange
}

type colChange struct {
	value   []byte // of an atomic column
	null    bool   // written as null, or the collection was replaced
	added   []element
	removed []element
}

// splitChanges groups a mutation by timestamp, ascending.
func splitChanges(m *mutation) []*changeGroup {
	var groups []*changeGroup
	group := func(ts int64) *changeGroup {
		for _, g := range groups {
			if g.ts == ts {
				return g
			}
		}
		g := &changeGroup{ts: ts}
		groups = append(groups, g)
		return g
	}
	for _, c := range splitRow(m.static) {
		g := group(c.ts)
		g.static = append(g.static, c)
	}
	for _, r := range m.rows {
		for _, c := range splitRow(r) {
			g := group(c.ts)
			g.place(c)
		}
		if r.del != noTime {
			g := group(r.del)
			g.rowDels = append(g.rowDels, r.ck)
		}
	}
	for _, rt := range m.ranges {
		g := group(rt.ts)
		g.ranges = append(g.ranges, rt)
	}
	if m.del != noTime {
		group(m.del).whole = true
	}
	slices.SortFunc(groups, func(a, b *changeGroup) int { return cmp.Compare(a.ts, b.ts) })
	return groups
}

// place files a change under inserts or updates. Elements written without replacing the collection
// cannot be part of an insert.
func (g *changeGroup) place(c *rowChange) {
	if !c.insert {
		g.updates = append(g.updates, c)
		return
	}
	g.inserts = append(g.inserts, c)
	extra := &rowChange{ts: c.ts, ttl: c.ttl, ck: c.ck, cols: map[*column]*colChange{}}
	for col, ch := range c.cols {
		if col.typ.multiCell() && !ch.null {
			extra.cols[col] = ch
			delete(c.cols, col)
		}
	}
	if len(extra.cols) > 0 {
		g.updates = append(g.updates, extra)
	}
}

// splitRow splits one row by (timestamp, TTL), ascending.
func splitRow(r *row) []*rowChange {
	var out []*rowChange
	at := func(ts, ttl int64) *rowChange {
		for _, c := range out {
			if c.ts == ts && c.ttl == ttl {
				return c
			}
		}
		c := &rowChange{ts: ts, ttl: ttl, ck: r.ck, cols: map[*column]*colChange{}}
		out = append(out, c)
		return c
	}
	col := func(rc *rowChange, c *column) *colChange {
		if rc.cols[c] == nil {
			rc.cols[c] = &colChange{}
		}
		return rc.cols[c]
	}
	if r.marker.ts != noTime {
		at(r.marker.ts, r.marker.ttl).insert = true
	}
	for c, d := range r.cols {
		if d.cell.ts != noTime {
			ch := col(at(d.cell.ts, d.cell.ttl), c)
			ch.value, ch.null = d.cell.value, d.cell.value == nil
		}
		if d.tomb != noTime {
			col(at(d.tomb+1, 0), c).null = true
		}
		for k, e := range d.elems {
			ch := col(at(e.ts, e.ttl), c)
			if e.value == nil {
				ch.removed = append(ch.removed, element{key: []byte(k)})
			} else {
				ch.added = append(ch.added, element{[]byte(k), e.value})
			}
		}
	}
	slices.SortFunc(out, func(a, b *rowChange) int {
		return cmp.Or(cmp.Compare(a.ts, b.ts), cmp.Compare(a.ttl, b.ttl))
	})
	return out
}

// emit adds the delta rows of a group to the log. Changes with one TTL stay in clustering order.
// Otherwise inserts come before updates.
func (g *changeGroup) emit(b *logBatch) {
	for _, c := range g.static {
		c.emit(b, opUpdate)
	}
	rows := append(slices.Clone(g.inserts), g.updates...)
	if len(rows) > 0 && !slices.ContainsFunc(rows, func(c *rowChange) bool { return c.ttl != rows[0].ttl }) {
		slices.SortStableFunc(rows, func(x, y *rowChange) int { return b.t.compareCK(x.ck, y.ck) })
	}
	for _, c := range rows {
		if c.insert {
			c.emit(b, opInsert)
		} else {
			c.emit(b, opUpdate)
		}
	}
	for _, ck := range g.rowDels {
		b.add(opRowDelete, ck, 0)
	}
	for _, rt := range g.ranges {
		b.add(rangeOp(rt.lo, opRangeFromIncl), rt.lo.ck, 0)
		b.add(rangeOp(rt.hi, opRangeToIncl), rt.hi.ck, 0)
	}
	if g.whole {
		b.add(opPartitionDelete, nil, 0)
	}
}

func rangeOp(b bound, inclusive int) int {
	if b.inclusive || b.ck == nil {
		return inclusive
	}
	return inclusive + 1
}

func (c *rowChange) emit(b *logBatch, op int) {
	row := b.add(op, c.ck, c.ttl)
	if b.t.cdc.delta == "keys" {
		return
	}
	for col, ch := range c.cols {
		if ch.null {
			row["cdc$deleted_"+col.name] = encode(booleanT, true)
		}
		if !col.typ.multiCell() {
			row[col.name] = ch.value
			continue
		}
		if len(ch.added) > 0 {
			row[col.name] = col.typ.join(col.typ.sorted(ch.added))
		}
		if len(ch.removed) > 0 {
			set := frozenSet(col.typ.keyType())
			row["cdc$deleted_elements_"+col.name] = set.join(set.sorted(ch.removed))
		}
	}
}
