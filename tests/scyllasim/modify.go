package scyllasim

import "time"

const maxTTL = 20 * 365 * 24 * 3600

// modification is an INSERT, UPDATE or DELETE with its values: its partition and what it writes
// there.
type modification struct {
	t         *table
	keys      [][][]byte
	timestamp *int64 // USING TIMESTAMP
	cond      *condition
	// firstCK is the clustering key that the condition checks. It is nil when the condition names
	// no single row.
	firstCK [][]byte
	// write fills the mutation of one partition.
	write func(m *mutation, ts int64)
}

// stamp is the time and TTL of each cell of a statement.
type stamp struct {
	ts, ttl, expires int64
}

func (s stamp) cell(b []byte) cell {
	if b == nil {
		return cell{ts: s.ts}
	}
	return cell{ts: s.ts, ttl: s.ttl, expires: s.expires, value: b}
}

// mutations builds what the statement writes with the given timestamp.
func (m *modification) mutations(ts int64) []*mutation {
	if m.timestamp != nil {
		ts = *m.timestamp
	}
	out := make([]*mutation, len(m.keys))
	for i, k := range m.keys {
		out[i] = newPartition(m.t, k)
		m.write(out[i], ts)
	}
	return out
}

// set writes a value to a column: an atomic cell, or for a non-frozen collection a tombstone and
// its elements.
func set(r *row, c *column, b []byte, st stamp) {
	d := r.column(c)
	if !c.typ.multiCell() {
		d.cell = st.cell(b)
		return
	}
	d.tomb = st.ts - 1
	if b != nil {
		addElements(d, c, b, st)
	}
}

func addElements(d *columnData, c *column, b []byte, st stamp) {
	if d.elems == nil {
		d.elems = map[string]cell{}
	}
	es, _ := c.typ.elements(b) // checked when the value was bound
	for _, e := range es {
		v := e.val
		if v == nil {
			v = []byte{}
		}
		d.elems[string(e.key)] = st.cell(v)
	}
}

// usingOf evaluates TTL and TIMESTAMP. The time of the stamp is set when the write happens.
func (e *env) usingOf(t *table, u using) (stamp, *int64, error) {
	st := stamp{ttl: int64(t.options.ttl)}
	if u.ttl != nil {
		v, err := e.eval(*u.ttl, intT)
		if err != nil {
			return st, nil, err
		}
		if !v.unset {
			st.ttl = signed(v.b)
		}
		if st.ttl < 0 {
			return st, nil, invalid("A TTL must be greater or equal to 0")
		}
		if st.ttl > maxTTL {
			return st, nil, invalid("ttl is too large. requested (%d) maximum (%d)", st.ttl, maxTTL)
		}
	}
	if st.ttl > 0 {
		st.expires = e.now.Unix() + st.ttl
	}
	if u.timestamp == nil {
		return st, nil, nil
	}
	v, err := e.eval(*u.timestamp, bigintT)
	if err != nil || v.b == nil {
		return st, nil, err
	}
	ts := signed(v.b)
	if ts > e.now.Add(72*time.Hour).UnixMicro() {
		return st, nil, invalid("Cannot provide a timestamp more than 3 days into the future. " +
			"If this was intentional, set the 'restrict_future_timestamp' guardrail to false")
	}
	return st, &ts, nil
}

// target resolves the WHERE of an UPDATE or DELETE to partition keys and clustering conditions.
func (e *env) target(t *table, rels []relation, m *modification) (*where, error) {
	w, err := e.where(t, rels)
	if err != nil {
		return nil, err
	}
	if !w.byKey {
		for _, c := range t.pk {
			if !restricts(rels, c.name) {
				return nil, invalid("Missing mandatory PRIMARY KEY part %s", c.name)
			}
		}
		return nil, invalid("Only EQ and IN relation are supported on the partition key (unless you use the token() function) for UPDATE and DELETE statements")
	}
	if len(w.filters) > 0 {
		return nil, invalid("Invalid where clause contains non PRIMARY KEY columns: %s", w.filters[0].cols[0].name)
	}
	m.keys = w.keys
	return w, nil
}

func restricts(rels []relation, name string) bool {
	for _, r := range rels {
		for _, c := range r.cols {
			if c == name && !r.token {
				return true
			}
		}
	}
	return false
}

// clusteringKeys lists the full clustering keys a WHERE names, nil when it does not name whole
// rows.
func (w *where) clusteringKeys() [][][]byte {
	vals := map[*column][][]byte{}
	for _, c := range w.clust {
		for i, col := range c.cols {
			switch c.op {
			case "=":
				vals[col] = [][]byte{c.vals[i]}
			case "IN":
				vals[col] = c.vals
			}
		}
	}
	if len(vals) != len(w.t.ck) {
		return nil
	}
	return product(w.t.ck, vals)
}
