package scyllasim

import (
	"time"

	"github.com/datastax/go-cassandra-native-protocol/message"
	"github.com/datastax/go-cassandra-native-protocol/primitive"
)

// batchFailBytes is batch_size_fail_threshold_in_kb. Only batches over several partitions are
// checked.
const batchFailBytes = 1024 * 1024

// request is one QUERY, EXECUTE or BATCH with its parameters.
type request struct {
	node        *node
	keyspace    string // of the connection
	stmts       []boundStmt
	batch       bool
	batchType   primitive.BatchType
	cl, serial  primitive.ConsistencyLevel
	timestamp   *int64
	pageSize    int
	pagingState []byte

	paxos    paxosFault
	logFault logFault
}

type boundStmt struct {
	cql    string
	stmt   statement
	values []value
}

func (r *request) env(now time.Time) *env { return &env{binds: r.stmts[0].values, now: now} }

// execute runs a request. One lock over the whole cluster makes each request atomic.
func (s *Sim) execute(r *request) (message.Message, error) {
	defer s.lock()()
	s.here, s.coordinator = s.now.Add(r.node.skew), r.node
	s.releaseLogs()
	if r.batch {
		return s.execBatch(r)
	}
	switch st := r.stmts[0].stmt.(type) {
	case *selectStmt:
		return s.execSelect(r, st)
	case *insertStmt, *updateStmt, *deleteStmt:
		m, err := s.modification(r, r.stmts[0])
		if err != nil {
			return nil, err
		}
		if m.cond != nil {
			return s.execCAS(r, []*modification{m}, false)
		}
		return s.execWrite(r, []*modification{m})
	case *describeStmt:
		return s.execDescribe(r, st)
	case *truncateStmt:
		t, err := s.writable(r, st.table)
		if err != nil {
			return nil, err
		}
		t.data = store{}
		return &message.VoidResult{}, nil
	case *useStmt:
		if s.keyspaces[st.keyspace] == nil {
			return nil, noKeyspace(st.keyspace)
		}
		return &message.SetKeyspaceResult{Keyspace: st.keyspace}, nil
	}
	return s.execDDL(r, r.stmts[0].stmt)
}

// modification evaluates an INSERT, UPDATE or DELETE.
func (s *Sim) modification(r *request, b boundStmt) (*modification, error) {
	e := &env{binds: b.values, now: s.here}
	t, err := s.writable(r, tableOf(b.stmt))
	if err != nil {
		return nil, err
	}
	switch st := b.stmt.(type) {
	case *insertStmt:
		return e.insert(t, st)
	case *updateStmt:
		return e.update(t, st)
	case *deleteStmt:
		return e.delete(t, st)
	}
	return nil, invalid("Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed.")
}

func tableOf(st statement) tableName {
	switch st := st.(type) {
	case *selectStmt:
		return st.table
	case *insertStmt:
		return st.table
	case *updateStmt:
		return st.table
	case *deleteStmt:
		return st.table
	case *truncateStmt:
		return st.table
	case *createTableStmt:
		return st.table
	case *alterTableStmt:
		return st.table
	case *dropStmt:
		return tableName{st.keyspace, st.table}
	}
	return tableName{}
}

// conditional reports whether a statement is a lightweight transaction.
func conditional(st statement) bool {
	switch st := st.(type) {
	case *insertStmt:
		return st.ifNotExists
	case *updateStmt:
		return st.ifExists || len(st.conds) > 0
	case *deleteStmt:
		return st.ifExists || len(st.conds) > 0
	}
	return false
}

func (s *Sim) execBatch(r *request) (message.Message, error) {
	var mods []*modification
	cas := false
	for _, b := range r.stmts {
		m, err := s.modification(r, b)
		if err != nil {
			return nil, err
		}
		cas = cas || m.cond != nil
		mods = append(mods, m)
	}
	switch {
	case len(mods) == 0:
		return &message.VoidResult{}, nil
	case r.batchType == primitive.BatchTypeCounter:
		return nil, unsupported("counter batches")
	case cas:
		return s.execCAS(r, mods, true)
	}
	return s.execWrite(r, mods)
}

// execWrite runs unconditional writes. All writes to one partition of one table become one
// mutation.
func (s *Sim) execWrite(r *request, mods []*modification) (message.Message, error) {
	ts := s.timestamp(r.node)
	if r.timestamp != nil {
		ts = *r.timestamp
	}
	var muts []*mutation
	for _, m := range mods {
		if err := s.checkWrite(r, m.t, m.keys, false); err != nil {
			return nil, err
		}
		for _, mut := range m.mutations(ts) {
			muts = addMutation(muts, mut)
		}
	}
	if r.batch && len(muts) > 1 && batchBytes(r) > batchFailBytes {
		return nil, invalid("Batch too large")
	}
	logs := make([]*logPlan, len(muts))
	for i, m := range muts {
		var err error
		if logs[i], err = s.planLog(m); err != nil {
			return nil, err
		}
	}
	for i, m := range muts {
		s.apply(m, logs[i], r.logFault)
	}
	return &message.VoidResult{}, nil
}

func addMutation(muts []*mutation, m *mutation) []*mutation {
	for _, o := range muts {
		if o.t == m.t && sameKey(o.key, m.key) {
			o.add(m)
			return muts
		}
	}
	return append(muts, m)
}

func batchBytes(r *request) int {
	n := 0
	for _, b := range r.stmts {
		for _, v := range b.values {
			n += len(v.b)
		}
	}
	return n
}

// apply makes a mutation visible, with its CDC log rows.
func (s *Sim) apply(m *mutation, log *logPlan, f logFault) {
	after := s.writeLog(log, f)
	m.t.data.make(m.t, m.key).apply(m, s.now.Unix(), s.droppable(m.t))
	after()
}

// lookup finds a table to read, which may be a system table.
func (s *Sim) lookup(r *request, n tableName) (*table, error) {
	name := n.keyspace
	if name == "" {
		name = r.keyspace
	}
	if name == "" {
		return nil, invalid("No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename")
	}
	if t := s.systemTable(r.node, name, n.name); t != nil {
		return t, nil
	}
	ks := s.keyspaces[name]
	if ks == nil {
		if !systemNames[name] {
			return nil, noKeyspace(name)
		}
		return nil, unconfigured(n.name)
	}
	t := ks.tables[n.name]
	if t == nil {
		return nil, unconfigured(n.name)
	}
	return t, nil
}

func noKeyspace(name string) error    { return invalid("Keyspace %s does not exist", name) }
func unconfigured(table string) error { return invalid("unconfigured table %s", table) }

// writable finds a table to write. System tables and CDC logs cannot be written.
func (s *Sim) writable(r *request, n tableName) (*table, error) {
	t, err := s.lookup(r, n)
	if err != nil {
		return nil, err
	}
	if systemNames[t.ks.name] {
		return nil, unsupported("writing to %s", t.fullName())
	}
	if t.base != nil {
		return nil, unsupported("writing to the CDC log %s", t.fullName())
	}
	return t, nil
}
