package scyllasim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"sort"

	"github.com/datastax/go-cassandra-native-protocol/message"
)

// cursor is a paging state: the last returned row, and the rest of the limits.
type cursor struct {
	Key      [][]byte
	CK       [][]byte
	Row      bool // a row with a clustering key, not only the partition
	Left     int
	PartLeft int
}

// scanner visits the rows of a SELECT and collects one page of them.
type scanner struct {
	st       *selectStmt
	w        *where
	outs     []output
	now      int64
	reversed bool
	page     int // rows a page, 0 = all
	resume   *cursor
	left     int // of LIMIT
	perPart  int
	partLeft int
	rows     message.RowSet
	count    int64
	state    []byte
	skipped  int // tombstones
}

func (s *Sim) execSelect(r *request, st *selectStmt) (message.Message, error) {
	t, err := s.lookup(r, st.table)
	if err != nil {
		return nil, err
	}
	sc, err := s.scanner(r, st, t)
	if err != nil {
		return nil, err
	}
	if err := s.checkRead(r, sc.w); err != nil {
		return nil, err
	}
	if err := sc.run(); err != nil {
		return nil, err
	}
	t.skipped.note(sc.skipped)
	specs := make([]*message.ColumnMetadata, len(sc.outs))
	for i, o := range sc.outs {
		specs[i] = o.spec
	}
	if st.counts() {
		if len(st.items) != 1 {
			return nil, unsupported("COUNT beside other columns")
		}
		return resultOf(specs, message.RowSet{{encode(bigintT, sc.count)}}), nil
	}
	res := resultOf(specs, sc.rows)
	res.Metadata.PagingState = sc.state
	return res, nil
}

func (s *Sim) scanner(r *request, st *selectStmt, t *table) (*scanner, error) {
	e := r.env(s.now)
	w, err := e.where(t, st.where)
	if err != nil {
		return nil, err
	}
	if (len(w.filters) > 0 || !w.byKey && len(w.clust) > 0) && !st.allowFiltering {
		return nil, invalid("Cannot execute this query as it might involve data filtering and thus may have unpredictable performance. " +
			"If you want to execute this query despite the performance unpredictability, use ALLOW FILTERING")
	}
	sc := &scanner{st: st, w: w, now: e.now.Unix(), page: r.pageSize}
	if sc.outs, err = st.outputs(t, s.here); err != nil {
		return nil, err
	}
	if st.distinct {
		if err = st.checkDistinct(t); err != nil {
			return nil, err
		}
	}
	if sc.reversed, err = st.reversed(t, w.byKey); err != nil {
		return nil, err
	}
	if sc.left, err = e.limit(st.limit); err != nil {
		return nil, err
	}
	if sc.perPart, err = e.limit(st.perPartition); err != nil {
		return nil, err
	}
	if st.counts() {
		sc.page = 0
	}
	if len(r.pagingState) > 0 {
		sc.resume = &cursor{}
		if err := json.Unmarshal(r.pagingState, sc.resume); err != nil {
			return nil, invalid("Invalid value for the paging state")
		}
		sc.left = sc.resume.Left
	}
	return sc, nil
}

func (e *env) limit(x *term) (int, error) {
	if x == nil {
		return math.MaxInt, nil
	}
	v, err := e.eval(*x, intT)
	if err != nil {
		return 0, err
	}
	if v.unset {
		return math.MaxInt, nil
	}
	if v.b == nil || signed(v.b) <= 0 {
		return 0, invalid("LIMIT must be strictly positive")
	}
	return int(signed(v.b)), nil
}

// partitions returns the partitions to read, in order, starting at the cursor.
func (sc *scanner) partitions() []*partition {
	t := sc.w.t
	if sc.w.byKey {
		var out []*partition
		skip := sc.resume != nil
		for _, k := range sc.w.keys {
			if skip && !sameKey(k, sc.resume.Key) {
				continue
			}
			skip = false
			if p := t.data.get(k); p != nil && (sc.w.tokens == nil ||
				p.token >= sc.w.tokens.lo && p.token <= sc.w.tokens.hi) {
				out = append(out, p)
			}
		}
		return out
	}
	ring := t.data.ring()
	if r := sc.w.tokens; r != nil {
		if r.lo > r.hi {
			return nil
		}
		from := sort.Search(len(ring), func(i int) bool { return ring[i].token >= r.lo })
		to := sort.Search(len(ring), func(i int) bool { return ring[i].token > r.hi })
		ring = ring[from:max(from, to)]
	}
	if sc.resume != nil {
		tk, key := t.token(sc.resume.Key), compositeKey(sc.resume.Key)
		from := sort.Search(len(ring), func(i int) bool {
			if c := cmp.Compare(ring[i].token, tk); c != 0 {
				return c > 0
			}
			return bytes.Compare(compositeKey(ring[i].key), key) >= 0
		})
		ring = ring[from:]
	}
	return ring
}

func (sc *scanner) run() error {
	for _, p := range sc.partitions() {
		if !sc.partition(p) {
			break
		}
	}
	return nil
}

// partition emits the matching rows of p. It returns false to end the scan.
func (sc *scanner) partition(p *partition) bool {
	var after *cursor
	if sc.resume != nil && sameKey(p.key, sc.resume.Key) {
		after = sc.resume
	}
	sc.partLeft = sc.perPart
	if after != nil {
		if !after.Row {
			return true
		}
		sc.partLeft = after.PartLeft
	}
	if sc.st.distinct {
		return sc.distinct(p)
	}
	from, to := sc.w.rows(p)
	found := after != nil
	sc.skipped += p.tombstones()
	for i := range to - from {
		r := p.rows[from+i]
		if sc.reversed {
			r = p.rows[to-1-i]
		}
		v := rowView{p, r, sc.now}
		if after != nil && !sc.isAfter(r, after) {
			continue
		}
		if !r.live(p.del, sc.now) {
			sc.skipped++
			continue
		}
		if !sc.matches(v) {
			continue
		}
		found = true
		if sc.partLeft == 0 {
			return true
		}
		if !sc.emit(v) {
			return false
		}
	}
	if v := (rowView{p, nil, sc.now}); !found && len(sc.w.clust) == 0 && v.staticLive() && sc.matches(v) {
		return sc.emit(v)
	}
	return true
}

func (sc *scanner) distinct(p *partition) bool {
	v := rowView{p, nil, sc.now}
	live := v.staticLive() || slices.ContainsFunc(p.rows, func(r *row) bool { return r.live(p.del, sc.now) })
	if !live || !sc.matches(v) {
		return true
	}
	return sc.emit(v)
}

func (sc *scanner) isAfter(r *row, c *cursor) bool {
	o := sc.w.t.compareCK(r.ck, c.CK)
	return !sc.reversed && o > 0 || sc.reversed && o < 0
}

func (sc *scanner) matches(v rowView) bool {
	for i := range sc.w.clust {
		if !sc.w.clust[i].matches(v.get) {
			return false
		}
	}
	for i := range sc.w.filters {
		if !sc.w.filters[i].matches(v.get) {
			return false
		}
	}
	return true
}

// emit adds a row to the page. It returns false when the limit is reached or the page is full.
func (sc *scanner) emit(v rowView) bool {
	sc.left--
	sc.partLeft--
	sc.count++
	if !sc.st.counts() {
		out := make(message.Row, len(sc.outs))
		for i, o := range sc.outs {
			out[i] = o.get(v)
		}
		sc.rows = append(sc.rows, out)
	}
	if sc.left == 0 {
		return false
	}
	if sc.page == 0 || len(sc.rows) < sc.page {
		return true
	}
	c := cursor{Key: v.p.key, Left: sc.left, PartLeft: sc.partLeft}
	if v.r != nil && !sc.st.distinct {
		c.CK, c.Row = v.r.ck, true
	}
	sc.state, _ = json.Marshal(c) // byte slices and numbers: cannot fail
	return false
}

// searchRows is sort.Search over the rows of a partition.
func searchRows(p *partition, f func(*row) bool) int {
	return sort.Search(len(p.rows), func(i int) bool { return f(p.rows[i]) })
}
