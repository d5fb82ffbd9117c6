package scyllasim

import (
	"sort"

	"github.com/google/uuid"
)

type columnKind uint8

const (
	partitionColumn columnKind = iota
	clusteringColumn
	staticColumn
	regularColumn
)

func (k columnKind) String() string {
	return [...]string{"partition_key", "clustering", "static", "regular"}[k]
}

type column struct {
	name string
	typ  *cqlType
	kind columnKind
	pos  int // within the partition key or the clustering key, else -1
	desc bool
}

// primary reports whether the column is a part of the primary key.
func (c *column) primary() bool { return c.kind <= clusteringColumn }

type keyspace struct {
	name        string
	replication map[string]string
	rf          int
	local       bool // lives on the coordinator only, like system
	durable     bool
	tablets     bool
	consistency string // of strongly consistent keyspaces
	tables      map[string]*table
}

type table struct {
	ks      *keyspace
	name    string
	id      uuid.UUID
	columns map[string]*column
	pk, ck  []*column
	statics []*column // by name
	regular []*column // by name
	options tableOptions
	skipped Tombstones // only what reads have skipped
	cdc     cdcOptions
	log     *table // the CDC log of this table
	base    *table // the table this is the CDC log of
	data    store
	// tabletSets are the CDC streams of a table with tablets. Tables with vnodes share the
	// generations of the cluster.
	tabletSets []*generation
	// paxos says that there is a table for the state of conditional writes.
	paxos bool
}

type tableOptions struct {
	ttl     int
	comment string
	gcGrace int
	maps    map[string]map[string]string // compaction, caching, compression
	// tombstones is tombstone_gc; nil is the old default, which is by time
	tombstones, tablets map[string]string
}

func (t *table) fullName() string { return t.ks.name + "." + t.name }

// all returns the columns in the order of SELECT *: partition key, clustering key, static columns,
// the rest.
func (t *table) all() []*column {
	out := append([]*column{}, t.pk...)
	out = append(out, t.ck...)
	out = append(out, t.statics...)
	return append(out, t.regular...)
}

func (t *table) addColumn(c *column) {
	t.columns[c.name] = c
	switch c.kind {
	case partitionColumn:
		t.pk = append(t.pk, c)
	case clusteringColumn:
		t.ck = append(t.ck, c)
	case staticColumn:
		t.statics = insertByName(t.statics, c)
	case regularColumn:
		t.regular = insertByName(t.regular, c)
	}
}

func insertByName(cs []*column, c *column) []*column {
	i := sort.Search(len(cs), func(i int) bool { return cs[i].name > c.name })
	cs = append(cs, nil)
	copy(cs[i+1:], cs[i:])
	cs[i] = c
	return cs
}

// token returns the place of a partition on the ring. CDC logs have their own partitioner.
func (t *table) token(key [][]byte) int64 {
	if t.base != nil {
		return cdcToken(key[0])
	}
	return tokenOf(key)
}

// compareCK orders clustering keys as they are stored. A shorter key is compared by its components.
func (t *table) compareCK(a, b [][]byte) int {
	for i := range min(len(a), len(b)) {
		c := t.ck[i].typ.compare(a[i], b[i])
		if t.ck[i].desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// buildTable checks a CREATE TABLE and returns its table.
func (s *Sim) buildTable(ks *keyspace, st *createTableStmt) (*table, error) {
	t := &table{ks: ks, name: st.table.name, columns: map[string]*column{}}
	defs := map[string]columnDef{}
	for _, d := range st.cols {
		if _, dup := defs[d.name]; dup {
			return nil, invalid("Multiple definition of identifier %s", d.name)
		}
		defs[d.name] = d
	}
	if len(st.partition) == 0 {
		return nil, invalid("No PRIMARY KEY specifed (exactly one required)")
	}
	key := func(names []string, kind columnKind) error {
		for i, n := range names {
			d, ok := defs[n]
			if !ok {
				return invalid("Unknown definition %s referenced in PRIMARY KEY", n)
			}
			if d.typ.multiCell() {
				return invalid("Invalid non-frozen collection type for PRIMARY KEY component %s", n)
			}
			if d.static {
				return invalid("Static column %s cannot be part of the PRIMARY KEY", n)
			}
			delete(defs, n)
			t.addColumn(&column{name: n, typ: d.typ, kind: kind, pos: i, desc: st.order[n]})
		}
		return nil
	}
	if err := key(st.partition, partitionColumn); err != nil {
		return nil, err
	}
	if err := key(st.clustering, clusteringColumn); err != nil {
		return nil, err
	}
	for n := range st.order {
		if c := t.columns[n]; c == nil || c.kind != clusteringColumn {
			return nil, invalid("Missing CLUSTERING ORDER for column %s", n)
		}
	}
	for _, d := range defs {
		if err := t.addPlain(d); err != nil {
			return nil, err
		}
	}
	return t, s.setOptions(t, st.props)
}

// addPlain adds a static or regular column.
func (t *table) addPlain(d columnDef) error {
	if d.typ.kind == kList && d.typ.multiCell() {
		return unsupported("non-frozen lists (column %s)", d.name)
	}
	kind := regularColumn
	if d.static {
		if len(t.ck) == 0 {
			return invalid("Static columns are only useful (and thus allowed) if the table has at least one clustering column")
		}
		kind = staticColumn
	}
	t.addColumn(&column{name: d.name, typ: d.typ, kind: kind, pos: -1})
	return nil
}
