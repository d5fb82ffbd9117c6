package scyllasim

func (e *env) insert(t *table, s *insertStmt) (*modification, error) {
	st, ts, err := e.usingOf(t, s.using)
	if err != nil {
		return nil, err
	}
	vals, static, err := e.inserted(t, s)
	if err != nil {
		return nil, err
	}
	key, err := keyOf(t.pk, vals)
	if err != nil {
		return nil, err
	}
	m := &modification{t: t, keys: [][][]byte{key}, timestamp: ts}
	var ck [][]byte
	if !static {
		if ck, err = keyOf(t.ck, vals); err != nil {
			return nil, err
		}
		m.firstCK = ck
	}
	if s.ifNotExists {
		m.cond = &condition{notExists: true, onlyStatic: static}
	}
	m.write = func(out *mutation, ts int64) {
		st.ts = ts
		if !static {
			out.row(ck).marker = st.cell([]byte{})
		}
		for c, v := range vals {
			switch {
			case v.unset:
			case c.kind == staticColumn:
				set(out.static, c, v.b, st)
			case c.kind == regularColumn:
				set(out.row(ck), c, v.b, st)
			}
		}
	}
	return m, nil
}

// inserted evaluates the values by column. static says that they are for the partition only.
func (e *env) inserted(t *table, s *insertStmt) (vals map[*column]value, static bool, err error) {
	vals = map[*column]value{}
	static = true
	for i, n := range s.cols {
		c := t.columns[n]
		if c == nil {
			return nil, false, invalid("Unknown identifier %s", n)
		}
		v, err := e.eval(s.vals[i], c.typ)
		if err != nil {
			return nil, false, err
		}
		if c.primary() && v.b == nil {
			if v.unset {
				return nil, false, invalid("Invalid unset value for column %s", n)
			}
			return nil, false, invalid("Invalid null value in condition for column %s", n)
		}
		vals[c] = v
		static = static && (c.kind == partitionColumn || c.kind == staticColumn)
	}
	return vals, static && len(vals) > len(t.pk), nil
}

func keyOf(cols []*column, vals map[*column]value) ([][]byte, error) {
	key := make([][]byte, len(cols))
	for i, c := range cols {
		v, ok := vals[c]
		if !ok {
			return nil, invalid("Missing mandatory PRIMARY KEY part %s", c.name)
		}
		key[i] = v.b
	}
	return key, nil
}
