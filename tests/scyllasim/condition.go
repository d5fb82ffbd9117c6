package scyllasim

import (
	"bytes"
	"slices"
)

// condition is the IF of a statement with its values.
type condition struct {
	exists, notExists bool
	checks            []check
	// it checks only static columns, so it concerns the partition and not a row
	onlyStatic bool
}

// check is one comparison of an IF; unlike in WHERE, null is a value here.
type check struct {
	c    *column
	op   string
	vals [][]byte
}

// conditionShape resolves the columns of an IF; the values are filled in by conditionOf.
func conditionShape(t *table, exists bool, rels []relation) (*condition, error) {
	if exists {
		return &condition{exists: true}, nil
	}
	if len(rels) == 0 {
		return nil, nil
	}
	cond := &condition{onlyStatic: true}
	for _, r := range rels {
		if r.token || r.tuple || r.key != nil {
			return nil, unsupported("this condition in IF")
		}
		c := t.columns[r.cols[0]]
		if c == nil {
			return nil, invalid("Unknown identifier %s", r.cols[0])
		}
		if c.primary() {
			return nil, invalid("PRIMARY KEY column '%s' cannot have IF conditions", c.name)
		}
		if c.typ.multiCell() {
			return nil, unsupported("a condition on the non-frozen collection %s", c.name)
		}
		cond.checks = append(cond.checks, check{c: c, op: r.op})
		cond.onlyStatic = cond.onlyStatic && c.kind == staticColumn
	}
	return cond, nil
}

func (e *env) conditionOf(t *table, exists bool, rels []relation) (*condition, error) {
	cond, err := conditionShape(t, exists, rels)
	if err != nil || cond == nil {
		return nil, err
	}
	for i := range cond.checks {
		if cond.checks[i].vals, err = e.relationValues(rels[i], []*column{cond.checks[i].c}); err != nil {
			return nil, err
		}
	}
	return cond, nil
}

func (c check) holds(v []byte) bool {
	equal := func(w []byte) bool {
		return (v == nil) == (w == nil) && (v == nil || c.c.typ.compare(v, w) == 0)
	}
	switch c.op {
	case "=":
		return equal(c.vals[0])
	case "!=":
		return !equal(c.vals[0])
	case "IN":
		for _, w := range c.vals {
			if equal(w) {
				return true
			}
		}
		return false
	}
	return v != nil && c.vals[0] != nil && holds(c.op, c.c.typ.compare(v, c.vals[0]))
}

// columns returns the columns whose old values the answer shows: the compared ones, or all with IF
// [NOT] EXISTS.
func (c *condition) columns(t *table, into map[*column]bool) {
	if c.exists || c.notExists {
		for _, col := range t.all() {
			into[col] = true
		}
	}
	for _, ch := range c.checks {
		into[ch.c] = true
	}
}

// oldRows is what a conditional write reads of its partition before its decision.
type oldRows struct {
	p    *partition // nil when there is nothing
	now  int64
	rows [][][]byte // the clustering keys that were read
}

// readOld reads the rows that the conditions name. With conditions on static columns only, it reads
// the first live row of the partition. Therefore the answer shows the clustering key of one row and
// null for the others.
func readOld(t *table, mods []*modification, now int64) oldRows {
	o := oldRows{p: t.data.get(mods[0].keys[0]), now: now}
	if o.p == nil {
		return o
	}
	named := false
	for _, m := range mods {
		if m.cond == nil || m.cond.onlyStatic {
			continue
		}
		named = true
		if i, ok := o.p.find(m.firstCK); ok && o.p.rows[i].live(o.p.del, now) {
			o.rows = append(o.rows, m.firstCK)
		}
	}
	if named {
		return o
	}
	for _, r := range o.p.rows {
		if r.live(o.p.del, now) {
			o.rows = append(o.rows, r.ck)
			break
		}
	}
	return o
}

// find returns the old row of a statement: its own row if that was read, otherwise the static part
// of a partition of which anything was read.
func (o oldRows) find(m *modification) (view rowView, ok bool) {
	if o.p == nil {
		return rowView{}, false
	}
	static := rowView{o.p, nil, o.now}
	if m.cond == nil || !m.cond.onlyStatic {
		for _, ck := range o.rows {
			if sameKey(ck, m.firstCK) {
				i, _ := o.p.find(ck)
				return rowView{o.p, o.p.rows[i], o.now}, true
			}
		}
	}
	return static, len(m.t.statics) > 0 && (static.staticLive() || len(o.rows) > 0)
}

func sameKey(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

// holds evaluates the condition on the old row.
func (c *condition) holds(old rowView, ok bool) bool {
	exists := ok && (old.r != nil || c.onlyStatic && old.staticLive())
	if c.exists || c.notExists {
		return exists == c.exists
	}
	for _, ch := range c.checks {
		var v []byte
		if ok {
			v = old.get(ch.c)
		}
		if !ch.holds(v) {
			return false
		}
	}
	return true
}
