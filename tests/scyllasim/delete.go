package scyllasim

func (e *env) delete(t *table, s *deleteStmt) (*modification, error) {
	if s.using.ttl != nil {
		return nil, invalid("TTL cannot be used in DELETE")
	}
	_, ts, err := e.usingOf(t, s.using)
	if err != nil {
		return nil, err
	}
	m := &modification{t: t, timestamp: ts}
	w, err := e.target(t, s.where, m)
	if err != nil {
		return nil, err
	}
	if m.cond, err = e.conditionOf(t, s.ifExists, s.conds); err != nil {
		return nil, err
	}
	cks := w.clusteringKeys()
	if len(cks) == 1 {
		m.firstCK = cks[0]
	}
	if len(s.cols) > 0 {
		return m, e.deleteColumns(t, s, m, w, cks)
	}
	whole := len(w.clust) == 0
	if m.cond != nil && len(t.ck) > 0 && (cks == nil && !m.cond.onlyStatic) {
		return nil, invalid("DELETE statements must restrict all PRIMARY KEY columns with equality relations in order to use IF condition on non static columns")
	}
	m.write = func(out *mutation, ts int64) {
		switch {
		case whole:
			out.del = ts
		case cks != nil:
			for _, ck := range cks {
				out.row(ck).del = ts
			}
		default:
			out.ranges = append(out.ranges, w.deletedRange(ts))
		}
	}
	return m, nil
}

func (e *env) deleteColumns(t *table, s *deleteStmt, m *modification, w *where, cks [][][]byte) error {
	var ops []assign
	for _, d := range s.cols {
		c := t.columns[d.col]
		switch {
		case c == nil:
			return invalid("Unknown identifier %s", d.col)
		case c.primary():
			return invalid("Invalid identifier %s for deletion (should not be a PRIMARY KEY part)", d.col)
		case c.kind == regularColumn && cks == nil:
			return missingCK(w)
		case d.key == nil:
			ops = append(ops, assign{c: c})
			continue
		case !c.typ.multiCell():
			return invalid("Invalid deletion operation for non-collection column %s", d.col)
		}
		k, err := e.eval(*d.key, c.typ.keyType())
		if err != nil {
			return err
		}
		ops = append(ops, assign{c: c, op: assignElement, key: k.b})
	}
	m.write = func(out *mutation, ts int64) {
		for _, op := range ops {
			if op.c.kind == staticColumn {
				op.apply(out.static, stamp{ts: ts})
				continue
			}
			for _, ck := range cks {
				op.apply(out.row(ck), stamp{ts: ts})
			}
		}
	}
	return nil
}

// deletedRange is the range tombstone of a DELETE that names a slice of a partition.
func (w *where) deletedRange(ts int64) rangeTomb {
	prefix := w.exactCK()
	rt := rangeTomb{ts: ts, lo: bound{prefix, true}, hi: bound{prefix, true}}
	if len(prefix) == len(w.t.ck) {
		return rt
	}
	next := w.t.ck[len(prefix)]
	for _, c := range w.clust {
		if c.cols[0] != next {
			continue
		}
		b := bound{append(append([][]byte{}, prefix...), c.vals[0]), c.op == ">=" || c.op == "<="}
		if (c.op == ">" || c.op == ">=") != next.desc {
			rt.lo = b
		} else {
			rt.hi = b
		}
	}
	return rt
}
