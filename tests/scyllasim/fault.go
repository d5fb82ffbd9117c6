package scyllasim

import (
	"bytes"
	"regexp"
	"slices"
	"time"

	"github.com/datastax/go-cassandra-native-protocol/primitive"
)

// Kind is the kind of a request.
type Kind uint8

// The kinds of requests. A batch is KindBatch whatever it contains. KindLWT is every conditional
// statement and batch.
const (
	KindAny Kind = iota
	KindSelect
	KindInsert
	KindUpdate
	KindDelete
	KindBatch
	KindLWT
	KindOther
)

// Effect is the effect of a fault on a request.
type Effect uint8

// The effects. Those of Paxos apply to conditional writes only and are named after the phase that
// fails. Each of them was injected into a real server.
const (
	// DelayOnly waits and then runs the request.
	DelayOnly Effect = iota
	// TimeoutBefore answers with a timeout and does nothing.
	TimeoutBefore
	// TimeoutAfter runs the request and then answers with a timeout.
	TimeoutAfter
	// Unavailable answers that too few replicas are alive, and does nothing.
	Unavailable
	// Overloaded refuses the request and does nothing.
	Overloaded
	// DropBefore closes the connection and does nothing.
	DropBefore
	// DropAfter runs the request and closes the connection without an answer.
	DropAfter
	// PaxosNotAccepted fails before the proposal was saved (0x1500 at the serial level). The write
	// never happens.
	PaxosNotAccepted
	// PaxosNotLearned fails after the proposal was saved (0x1500 at the serial level). The next
	// serial access completes the write.
	PaxosNotLearned
	// PaxosLearnFailed fails in the last phase (0x1500 at the regular level). The next serial
	// access completes the write. The CDC log has the row already, and gets it a second time then.
	PaxosLearnFailed
	// PaxosLearnTimeout is PaxosLearnFailed with a timeout (0x1100) as the answer.
	PaxosLearnTimeout
	// LateLog writes the CDC log rows with a cdc$time that is Late older than the write, like a
	// slow clock.
	LateLog
	// HeldLog writes the CDC log rows Late after the base row, with the cdc$time of the write, like
	// a slow replica. They appear with the first request after that, by the server's clock.
	HeldLog
	// DuplicateLog writes the CDC log rows twice, each time with another cdc$time.
	DuplicateLog
	// Resent runs the request twice and answers with the result of the second time. That happens
	// when the answer to the first one is lost and the driver sends the request again. A
	// conditional write is then refused because of itself.
	Resent
	// Ignored answers that a plain write is done, and does nothing. No server does that. It
	// simulates a client that should have written and did not.
	Ignored
)

// Fault says which requests fail and how. Requests to system tables are not affected unless Table
// names one.
type Fault struct {
	Table   string         // "table" or "keyspace.table", empty = any of the user's
	Kind    Kind           // KindAny = any
	Pattern *regexp.Regexp // of the CQL, nil = any
	Bound   []byte         // contained in one of the bound values, nil = whatever is bound
	Node    int            // 1-based, 0 = any
	When    func() bool    // checked last, nil = always; several goroutines call it, one at a time
	Nth     int            // the first matching request that is hit, 1-based, 0 = 1
	Times   int            // how many are hit from then on, 0 = 1, negative = all
	Effect  Effect
	Delay   time.Duration   // before the effect, in real time
	Hold    <-chan struct{} // waited for before the effect, nil = no wait
	Late    time.Duration   // of LateLog and HeldLog
}

// armed is an injected fault with the number of its matches.
type armed struct {
	Fault
	seen, hit int
}

// Inject arms a fault. The returned function disarms it and may be called more than once. When
// several faults match a request, the one that was injected first applies.
func (s *Sim) Inject(f Fault) (remove func()) {
	a := &armed{Fault: f}
	a.Nth, a.Times = max(f.Nth, 1), f.Times
	if f.Times == 0 {
		a.Times = 1
	}
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	s.faults = append(s.faults, a)
	return func() {
		s.faultMu.Lock()
		defer s.faultMu.Unlock()
		s.faults = slices.DeleteFunc(s.faults, func(b *armed) bool { return a == b })
	}
}

// countKey is the key by which requests are counted.
type countKey struct {
	table string
	kind  Kind
}

// QueryCount returns how many requests of a kind named a table ("keyspace.table", empty for any)
// since the start.
func (s *Sim) QueryCount(table string, kind Kind) int {
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	return s.counts[countKey{table, kind}]
}

// admit counts a request and returns the fault that applies to it, or nil.
func (s *Sim) admit(r *request) *Fault {
	kinds := r.kinds()
	tables := r.tables()
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	for _, k := range append([]Kind{KindAny}, kinds...) {
		s.counts[countKey{"", k}]++
		for _, t := range tables {
			s.counts[countKey{t.keyspace + "." + t.name, k}]++
		}
	}
	for _, a := range s.faults {
		if !a.matches(r, kinds, tables) {
			continue
		}
		if a.seen++; a.seen < a.Nth || a.Times > 0 && a.hit >= a.Times {
			continue
		}
		a.hit++
		return &a.Fault
	}
	return nil
}

func (a *armed) matches(r *request, kinds []Kind, tables []tableName) bool {
	inTable := slices.ContainsFunc(tables, func(t tableName) bool {
		if a.Table == "" {
			return !systemNames[t.keyspace]
		}
		return a.Table == t.name || a.Table == t.keyspace+"."+t.name
	})
	inCQL := a.Pattern == nil || slices.ContainsFunc(r.stmts, func(b boundStmt) bool { return a.Pattern.MatchString(b.cql) })
	bound := a.Bound == nil || slices.ContainsFunc(r.stmts, func(b boundStmt) bool {
		return slices.ContainsFunc(b.values, func(v value) bool { return bytes.Contains(v.b, a.Bound) })
	})
	return inTable && inCQL && bound &&
		(a.Kind == KindAny || slices.Contains(kinds, a.Kind)) &&
		(a.Node == 0 || a.Node == r.node.index+1) &&
		(slices.Contains(kinds, KindLWT) || a.Effect < PaxosNotAccepted || a.Effect > PaxosLearnTimeout) &&
		(a.When == nil || a.When())
}

func (r *request) kinds() []Kind {
	var out []Kind
	for _, b := range r.stmts {
		if conditional(b.stmt) {
			out = append(out, KindLWT)
			break
		}
	}
	if r.batch {
		return append(out, KindBatch)
	}
	switch r.stmts[0].stmt.(type) {
	case *selectStmt:
		return append(out, KindSelect)
	case *insertStmt:
		return append(out, KindInsert)
	case *updateStmt:
		return append(out, KindUpdate)
	case *deleteStmt:
		return append(out, KindDelete)
	}
	return append(out, KindOther)
}

// tables lists the tables a request names, each once.
func (r *request) tables() []tableName {
	var out []tableName
	for _, b := range r.stmts {
		t := tableOf(b.stmt)
		if t.keyspace == "" {
			t.keyspace = r.keyspace
		}
		if t.name != "" && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// failure returns the error of a fault that answers with one.
func (s *Sim) failure(r *request, e Effect) error {
	defer s.lock()()
	t, err := s.lookup(r, r.tables()[0])
	if err != nil {
		return err
	}
	need := needed(r.cl, t.ks.rf)
	kinds := r.kinds()
	cas := slices.Contains(kinds, KindLWT)
	switch {
	case e == Unavailable && cas:
		return unavailable(r.serial, needed(r.serial, t.ks.rf), 0)
	case e == Unavailable:
		return unavailable(r.cl, need, 0)
	case slices.Contains(kinds, KindSelect):
		return readTimeout(t, r.cl, need)
	case cas && e == TimeoutBefore:
		return writeTimeout(t, r.serial, need, primitive.WriteTypeCas)
	}
	return writeTimeout(t, r.cl, need, r.writeType(e, cas))
}

func (r *request) writeType(e Effect, cas bool) primitive.WriteType {
	switch {
	case cas:
		return primitive.WriteTypeCas
	case !r.batch:
		return primitive.WriteTypeSimple
	case r.batchType == primitive.BatchTypeUnlogged:
		return primitive.WriteTypeUnloggedBatch
	case e == TimeoutBefore:
		return primitive.WriteTypeBatchLog
	}
	return primitive.WriteTypeBatch
}

// paxosFault is the effect on a conditional write. It is DelayOnly when there is none.
type paxosFault Effect

func (f paxosFault) is(es ...Effect) bool { return slices.Contains(es, Effect(f)) }

func (f paxosFault) beforeAccept(r *request, t *table) error {
	if f.is(PaxosNotAccepted) {
		return writeFailure(t, r.serial, needed(r.serial, t.ks.rf), primitive.WriteTypeCas)
	}
	return nil
}

// pending reports whether the write stays accepted and not learned.
func (f paxosFault) pending() bool { return f.is(PaxosNotLearned, PaxosLearnFailed, PaxosLearnTimeout) }

// logsEarly reports whether the CDC log gets the row although the base table does not.
func (f paxosFault) logsEarly() bool { return f.is(PaxosLearnFailed, PaxosLearnTimeout) }

func (f paxosFault) afterAccept(r *request, t *table) error {
	need := needed(r.cl, t.ks.rf)
	switch {
	case f.is(PaxosNotLearned):
		return writeFailure(t, r.serial, needed(r.serial, t.ks.rf), primitive.WriteTypeCas)
	case f.is(PaxosLearnFailed):
		return writeFailure(t, r.cl, need, primitive.WriteTypeCas)
	case f.is(PaxosLearnTimeout):
		return writeTimeout(t, r.cl, need, primitive.WriteTypeCas)
	}
	return nil
}
