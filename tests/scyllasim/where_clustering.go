package scyllasim

// checkClustering refuses conditions that skip a clustering column or follow a range.
func (w *where) checkClustering() error {
	byCol := map[*column]string{}
	for _, c := range w.clust {
		for _, col := range c.cols {
			op := c.op
			if len(c.cols) > 1 && op != "=" {
				op = "tuple"
			}
			byCol[col] = op
		}
	}
	var open *column
	for i, col := range w.t.ck {
		op, ok := byCol[col]
		if !ok {
			for _, later := range w.t.ck[i+1:] {
				if _, given := byCol[later]; given {
					return invalid("PRIMARY KEY column \"%s\" cannot be restricted as preceding column \"%s\" is not restricted", later.name, col.name)
				}
			}
			return nil
		}
		if open != nil && op != "tuple" {
			return invalid("Clustering column \"%s\" cannot be restricted (preceding column \"%s\" is restricted by a non-EQ relation)", col.name, open.name)
		}
		if op != "=" && op != "IN" {
			open = col
		}
	}
	return nil
}

// exactCK returns the single value of each leading clustering column that is restricted by "=".
func (w *where) exactCK() [][]byte {
	var ck [][]byte
	for _, col := range w.t.ck {
		v := w.eq(col)
		if v == nil {
			break
		}
		ck = append(ck, v)
	}
	return ck
}

func (w *where) eq(col *column) []byte {
	for _, c := range w.clust {
		if c.op != "=" {
			continue
		}
		for i := range c.cols {
			if c.cols[i] == col {
				return c.vals[i]
			}
		}
	}
	return nil
}

// bounds restricts the rows of a partition to [lo, hi]. Within it the conditions decide.
func (w *where) bounds() (lo, hi [][]byte) {
	prefix := w.exactCK()
	lo, hi = prefix, prefix
	if len(prefix) == len(w.t.ck) {
		return lo, hi
	}
	next := w.t.ck[len(prefix)]
	for _, c := range w.clust {
		if c.cols[0] != next || c.op == "IN" || c.op == "=" {
			continue
		}
		b := append(append([][]byte{}, prefix...), c.vals[0])
		if (c.op == ">" || c.op == ">=") != next.desc {
			lo = b
		} else {
			hi = b
		}
	}
	return lo, hi
}

// rows returns the index range of the rows of a partition that can match.
func (w *where) rows(p *partition) (from, to int) {
	lo, hi := w.bounds()
	from, to = 0, len(p.rows)
	if len(lo) > 0 {
		from = searchRows(p, func(r *row) bool { return w.t.compareCK(r.ck, lo) >= 0 })
	}
	if len(hi) > 0 {
		to = searchRows(p, func(r *row) bool { return w.t.compareCK(r.ck, hi) > 0 })
	}
	return from, max(from, to)
}
