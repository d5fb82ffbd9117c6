package scyllasim

import "time"

type termKind uint8

const (
	tBind termKind = iota
	tString
	tInteger
	tFloat
	tUUID
	tBlob
	tBool
	tNull
	tBraces // a set or a map
	tList
	tFunc
)

// term is a value as it is written: a literal, a bind marker or a function call.
type term struct {
	kind  termKind
	text  string
	bind  int
	items []term // of a set, list or function call
	keys  []term // of a map, beside items
}

type tableName struct{ keyspace, name string }

// relation is one condition of WHERE or IF.
type relation struct {
	cols  []string
	token bool // token(cols...) op terms[0]
	tuple bool // (cols...) op (terms...)
	op    string
	terms []term
	// inMarker: col IN ?, terms[0] is bound to a list.
	inMarker bool
	// key: col[key] op term, in IF only.
	key *term
}

type using struct {
	ttl, timestamp *term
	timeout        time.Duration
}

type statement interface{}

type selectorKind uint8

const (
	selColumn selectorKind = iota
	selCount
	selWritetime
	selTTL
	selToken
	selNow
)

type selector struct {
	kind  selectorKind
	cols  []string
	alias string
}

type selectStmt struct {
	table          tableName
	distinct       bool
	all            bool
	items          []selector
	where          []relation
	orderBy        []orderBy
	perPartition   *term
	limit          *term
	allowFiltering bool
}

type orderBy struct {
	col  string
	desc bool
}

type insertStmt struct {
	table       tableName
	cols        []string
	vals        []term
	ifNotExists bool
	using       using
}

type assignOp uint8

const (
	assignSet assignOp = iota
	assignAdd
	assignRemove
	assignElement
)

type assignment struct {
	col string
	op  assignOp
	key term
	val term
}

type updateStmt struct {
	table    tableName
	using    using
	sets     []assignment
	where    []relation
	ifExists bool
	conds    []relation
}

type deletion struct {
	col string
	key *term
}

type deleteStmt struct {
	table    tableName
	cols     []deletion
	using    using
	where    []relation
	ifExists bool
	conds    []relation
}

// property is a value of WITH: a literal or a map.
type property struct {
	text string
	m    map[string]string
}

type alterKeyspaceStmt struct {
	name  string
	props map[string]property
}

type createKeyspaceStmt struct {
	name        string
	ifNotExists bool
	props       map[string]property
}

type dropStmt struct {
	keyspace string
	table    string // empty: the keyspace
	ifExists bool
}

type columnDef struct {
	name   string
	typ    *cqlType
	static bool
}

type createTableStmt struct {
	table       tableName
	ifNotExists bool
	cols        []columnDef
	partition   []string
	clustering  []string
	order       map[string]bool // column → descending
	props       map[string]property
}

type alterTableStmt struct {
	table tableName
	add   []columnDef
	props map[string]property
}

type truncateStmt struct{ table tableName }

type useStmt struct{ keyspace string }
