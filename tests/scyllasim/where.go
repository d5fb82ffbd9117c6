package scyllasim

// cond is a condition on columns of a row, with its values.
type cond struct {
	cols []*column
	op   string
	vals [][]byte // one a column; for IN any number for the one column
}

// matches evaluates the condition. Null matches nothing.
func (c *cond) matches(get func(*column) []byte) bool {
	if c.op == "IN" {
		v := get(c.cols[0])
		for _, w := range c.vals {
			if v != nil && c.cols[0].typ.compare(v, w) == 0 {
				return true
			}
		}
		return false
	}
	order := 0
	for i, col := range c.cols {
		v := get(col)
		if v == nil {
			return false
		}
		if order = col.typ.compare(v, c.vals[i]); order != 0 {
			break
		}
	}
	return holds(c.op, order)
}

func holds(op string, order int) bool {
	switch op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// tokenRange is what token() conditions select.
type tokenRange struct{ lo, hi int64 } // inclusive

// where is a WHERE clause with its values, divided by what each part restricts.
type where struct {
	t       *table
	keys    [][][]byte // the requested partition keys; nil when a part of the key is missing
	byKey   bool
	tokens  *tokenRange
	clust   []cond
	filters []cond
}

func (e *env) where(t *table, rels []relation) (*where, error) {
	w := &where{t: t}
	pk := map[*column][][]byte{}
	for _, r := range rels {
		if r.token {
			if err := w.addToken(e, r); err != nil {
				return nil, err
			}
			continue
		}
		c, err := e.cond(t, r)
		if err != nil {
			return nil, err
		}
		switch col := c.cols[0]; {
		case col.kind == clusteringColumn:
			w.clust = append(w.clust, c)
		case col.kind == partitionColumn && (c.op == "=" || c.op == "IN") && pk[col] == nil:
			pk[col] = c.vals
			if len(c.vals) == 0 {
				pk[col] = [][]byte{}
			}
			w.filters = append(w.filters, c)
		default:
			w.filters = append(w.filters, c)
		}
	}
	if len(pk) == len(t.pk) {
		w.byKey = true
		w.keys = product(t.pk, pk)
		w.dropKeyFilters()
	}
	return w, w.checkClustering()
}

// dropKeyFilters removes the conditions that the list of keys already expresses.
func (w *where) dropKeyFilters() {
	var rest []cond
	for _, c := range w.filters {
		if c.cols[0].kind != partitionColumn {
			rest = append(rest, c)
		}
	}
	w.filters = rest
}

// product returns all partition keys of the given values of each column, in order and without
// duplicates.
func product(pk []*column, vals map[*column][][]byte) [][][]byte {
	keys := [][][]byte{nil}
	for _, c := range pk {
		es := make([]element, len(vals[c]))
		for i, v := range vals[c] {
			es[i].key = v
		}
		es = (&cqlType{kind: kSet, val: c.typ}).sorted(es)
		var next [][][]byte
		for _, k := range keys {
			for _, e := range es {
				next = append(next, append(append([][]byte{}, k...), e.key))
			}
		}
		keys = next
	}
	return keys
}

func (e *env) cond(t *table, r relation) (cond, error) {
	c := cond{op: r.op}
	for _, name := range r.cols {
		col := t.columns[name]
		if col == nil {
			return c, invalid("Undefined name %s in where clause ('%s %s ?')", name, name, r.op)
		}
		if r.tuple && col.kind != clusteringColumn {
			return c, invalid("Multi-column relations can only be applied to clustering columns but was applied to: %s", name)
		}
		c.cols = append(c.cols, col)
	}
	if r.op == "!=" || r.key != nil {
		return c, unsupported("this relation in WHERE")
	}
	if c.cols[0].typ.multiCell() {
		return c, unsupported("a condition on the non-frozen collection %s", r.cols[0])
	}
	var err error
	if c.vals, err = e.relationValues(r, c.cols); err != nil {
		return c, err
	}
	for i, v := range c.vals {
		if v == nil {
			return c, invalid("Invalid null value in condition for column %s", c.cols[min(i, len(c.cols)-1)].name)
		}
	}
	return c, nil
}

// relationValues evaluates the right side. An IN list has the type of its column.
func (e *env) relationValues(r relation, cols []*column) ([][]byte, error) {
	if r.inMarker {
		lt := frozenList(cols[0].typ)
		v, err := e.eval(r.terms[0], lt)
		if err != nil {
			return nil, err
		}
		if v.b == nil {
			return nil, invalid("Invalid null value for IN restriction")
		}
		es, err := lt.elements(v.b)
		out := make([][]byte, len(es))
		for i := range es {
			out[i] = es[i].val
		}
		return out, err
	}
	var out [][]byte
	for i, x := range r.terms {
		v, err := e.eval(x, cols[min(i, len(cols)-1)].typ)
		if err != nil {
			return nil, err
		}
		if v.unset {
			return nil, invalid("Invalid unset value for column %s", cols[min(i, len(cols)-1)].name)
		}
		out = append(out, v.b)
	}
	return out, nil
}
