package scyllasim

func (e *env) update(t *table, s *updateStmt) (*modification, error) {
	st, ts, err := e.usingOf(t, s.using)
	if err != nil {
		return nil, err
	}
	m := &modification{t: t, timestamp: ts}
	ops, static, err := e.assignments(t, s.sets)
	if err != nil {
		return nil, err
	}
	w, err := e.target(t, s.where, m)
	if err != nil {
		return nil, err
	}
	cks := w.clusteringKeys()
	if static {
		if len(w.clust) > 0 {
			return nil, invalid("Invalid restrictions on clustering columns since the UPDATE statement modifies only static columns")
		}
		cks = nil
	} else if cks == nil {
		return nil, missingCK(w)
	}
	if len(cks) == 1 {
		m.firstCK = cks[0]
	}
	if m.cond, err = e.conditionOf(t, s.ifExists, s.conds); err != nil {
		return nil, err
	}
	if m.cond != nil && m.cond.exists {
		m.cond.onlyStatic = static
	}
	m.write = func(out *mutation, ts int64) {
		st.ts = ts
		for _, op := range ops {
			if op.c.kind == staticColumn {
				op.apply(out.static, st)
				continue
			}
			for _, ck := range cks {
				op.apply(out.row(ck), st)
			}
		}
	}
	return m, nil
}

func missingCK(w *where) error {
	for _, c := range w.t.ck {
		if w.eq(c) == nil {
			return invalid("Missing mandatory PRIMARY KEY part %s", c.name)
		}
	}
	return invalid("Missing mandatory PRIMARY KEY part")
}

// assign is one assignment of SET with its values.
type assign struct {
	c   *column
	op  assignOp
	key []byte
	val []byte
}

func (a assign) apply(r *row, st stamp) {
	d := r.column(a.c)
	switch a.op {
	case assignSet:
		set(r, a.c, a.val, st)
	case assignAdd:
		addElements(d, a.c, a.val, st)
	case assignRemove:
		if d.elems == nil {
			d.elems = map[string]cell{}
		}
		es, _ := frozenSet(a.c.typ.keyType()).elements(a.val) // checked when the value was bound
		for _, e := range es {
			d.elems[string(e.key)] = cell{ts: st.ts}
		}
	case assignElement:
		if d.elems == nil {
			d.elems = map[string]cell{}
		}
		d.elems[string(a.key)] = st.cell(a.val)
	}
}

// assignments evaluates SET. Unset values leave their column unchanged.
func (e *env) assignments(t *table, sets []assignment) (ops []assign, static bool, err error) {
	static = true
	for _, s := range sets {
		c := t.columns[s.col]
		switch {
		case c == nil:
			return nil, false, invalid("Unknown identifier %s", s.col)
		case c.primary():
			return nil, false, invalid("PRIMARY KEY part %s found in SET part", s.col)
		case s.op != assignSet && !c.typ.multiCell():
			return nil, false, invalid("Invalid operation for non-collection or frozen column %s", s.col)
		case s.op == assignElement && c.typ.kind != kMap:
			return nil, false, invalid("Invalid operation on %s: only a map has elements by key", s.col)
		}
		static = static && c.kind == staticColumn
		a := assign{c: c, op: s.op}
		vt := c.typ
		switch s.op {
		case assignRemove:
			vt = frozenSet(c.typ.keyType())
		case assignElement:
			vt = c.typ.val
			k, err := e.eval(s.key, c.typ.key)
			if err != nil || k.b == nil {
				return nil, false, orInvalid(err, "Invalid null map key")
			}
			a.key = k.b
		}
		v, err := e.eval(s.val, vt)
		if err != nil {
			return nil, false, err
		}
		if v.unset || v.b == nil && (s.op == assignAdd || s.op == assignRemove) {
			continue
		}
		a.val = v.b
		ops = append(ops, a)
	}
	return ops, static, nil
}
