package scyllasim

import (
	"bytes"
	"fmt"
	"time"

	"github.com/datastax/go-cassandra-native-protocol/message"
	"github.com/datastax/go-cassandra-native-protocol/primitive"
)

const (
	partitioner = "org.apache.cassandra.dht.Murmur3Partitioner"
	lwtMarkName = "SCYLLA_LWT_ADD_METADATA_MARK"
	lwtMarkBit  = 1 << 31
)

// supported is the answer to OPTIONS: one shard for each node, no compression, no shard-aware port.
var supported = map[string][]string{
	"COMPRESSION":                {},
	"CQL_VERSION":                {"3.3.1"},
	lwtMarkName:                  {fmt.Sprintf("LWT_OPTIMIZATION_META_BIT_MASK=%d", uint32(lwtMarkBit))},
	"SCYLLA_NR_SHARDS":           {"1"},
	"SCYLLA_PARTITIONER":         {partitioner},
	"SCYLLA_SHARD":               {"0"},
	"SCYLLA_SHARDING_ALGORITHM":  {"biased-token-round-robin"},
	"SCYLLA_SHARDING_IGNORE_MSB": {"12"},
}

// handle answers one request. lwt marks a PREPARED result of a conditional statement.
func (c *conn) handle(m message.Message) (answer message.Message, lwt bool, err error) {
	switch m := m.(type) {
	case *message.Options:
		return &message.Supported{Options: supported}, false, nil
	case *message.Startup:
		answer, err = c.startup(m)
		return answer, false, err
	case *message.AuthResponse:
		answer, err = c.authenticate(m)
		return answer, false, err
	}
	if !c.ready.Load() {
		return nil, false, &cqlError{
			&message.ProtocolError{ErrorMessage: "Unexpected message " + m.GetOpCode().String() + ", expecting STARTUP"},
		}
	}
	switch m := m.(type) {
	case *message.Register:
		for _, e := range m.EventTypes {
			if e == primitive.EventTypeSchemaChange {
				c.schemaEvents.Store(true)
			}
		}
		return &message.Ready{}, false, nil
	case *message.Prepare:
		answer, st, err := c.n.sim.prepare(c.n, c.keyspace.Load().(string), m.Query)
		return answer, err == nil && conditional(st), err
	case *message.Query:
		answer, err = c.query(m)
	case *message.Execute:
		answer, err = c.execute(m)
	case *message.Batch:
		answer, err = c.batch(m)
	default:
		err = unsupported("the request %s", m.GetOpCode())
	}
	return answer, false, err
}

func (c *conn) startup(m *message.Startup) (message.Message, error) {
	if comp := m.Options["COMPRESSION"]; comp != "" {
		return nil, unsupported("compression (%s)", comp)
	}
	c.lwtMark.Store(m.Options[lwtMarkName] != "")
	if c.n.sim.opts.Username != "" || c.n.sim.opts.Password != "" {
		return &message.Authenticate{Authenticator: "org.apache.cassandra.auth.PasswordAuthenticator"}, nil
	}
	c.ready.Store(true)
	return &message.Ready{}, nil
}

// authenticate checks a SASL PLAIN response: authzid NUL user NUL password.
func (c *conn) authenticate(m *message.AuthResponse) (message.Message, error) {
	parts := bytes.Split(m.Token, []byte{0})
	o := c.n.sim.opts
	if len(parts) != 3 || string(parts[1]) != o.Username || string(parts[2]) != o.Password {
		return nil, &cqlError{&message.AuthenticationError{ErrorMessage: "Username and/or password are incorrect"}}
	}
	c.ready.Store(true)
	return &message.AuthSuccess{}, nil
}

func (c *conn) query(m *message.Query) (message.Message, error) {
	st, binds, err := parse(m.Query)
	if err != nil {
		return nil, err
	}
	p := &preparedStmt{m.Query, st, binds}
	return c.single(p, m.Options)
}

func (c *conn) execute(m *message.Execute) (message.Message, error) {
	p, err := c.n.find(m.QueryId)
	if err != nil {
		return nil, err
	}
	return c.single(p, m.Options)
}

func (n *node) find(id []byte) (*preparedStmt, error) {
	n.sim.mu.Lock()
	defer n.sim.mu.Unlock()
	p := n.prepared[string(id)]
	if p == nil {
		return nil, &cqlError{
			&message.Unprepared{ErrorMessage: fmt.Sprintf("No prepared statement with ID %x found.", id), Id: id},
		}
	}
	return p, nil
}

func (c *conn) single(p *preparedStmt, o *message.QueryOptions) (message.Message, error) {
	if len(o.NamedValues) > 0 {
		return nil, unsupported("named values")
	}
	b, err := p.bound(o.PositionalValues)
	if err != nil {
		return nil, err
	}
	r := &request{
		node: c.n, keyspace: c.keyspace.Load().(string), stmts: []boundStmt{b}, cl: o.Consistency,
		serial:    serialOf(o.SerialConsistency),
		timestamp: o.DefaultTimestamp, pageSize: int(o.PageSize), pagingState: o.PagingState,
	}
	answer, err := c.run(r)
	switch a := answer.(type) {
	case *message.SetKeyspaceResult:
		c.keyspace.Store(a.Keyspace)
	case *message.RowsResult:
		if o.SkipMetadata {
			a.Metadata.Columns = nil
		}
	}
	return answer, err
}

func serialOf(cl *primitive.ConsistencyLevel) primitive.ConsistencyLevel {
	if cl == nil {
		return primitive.ConsistencyLevelSerial
	}
	return *cl
}

func (c *conn) batch(m *message.Batch) (message.Message, error) {
	r := &request{
		node: c.n, keyspace: c.keyspace.Load().(string), batch: true, batchType: m.Type, cl: m.Consistency,
		serial: serialOf(m.SerialConsistency), timestamp: m.DefaultTimestamp,
	}
	for _, child := range m.Children {
		p, err := c.child(child)
		if err != nil {
			return nil, err
		}
		b, err := p.bound(child.Values)
		if err != nil {
			return nil, err
		}
		r.stmts = append(r.stmts, b)
	}
	return c.run(r)
}

func (c *conn) child(m *message.BatchChild) (*preparedStmt, error) {
	if m.Id != nil {
		return c.n.find(m.Id)
	}
	st, binds, err := parse(m.Query)
	return &preparedStmt{m.Query, st, binds}, err
}

// run executes a request under the fault that applies to it, if any.
func (c *conn) run(r *request) (message.Message, error) {
	f := c.n.sim.admit(r)
	if f == nil {
		return c.n.sim.execute(r)
	}
	if !c.wait(f.Delay) || !c.hold(f.Hold) {
		return nil, errDropped
	}
	switch f.Effect {
	case TimeoutBefore, Unavailable:
		return nil, c.n.sim.failure(r, f.Effect)
	case Overloaded:
		return nil, &cqlError{&message.Overloaded{ErrorMessage: "Too many in flight requests (injected)"}}
	case DropBefore:
		return nil, errDropped
	case Ignored:
		return &message.VoidResult{}, nil
	case LateLog:
		r.logFault.late = f.Late
	case HeldLog:
		r.logFault.held = f.Late
	case DuplicateLog:
		r.logFault.duplicate = true
	case Resent:
		if answer, err := c.n.sim.execute(r); err != nil {
			return answer, err
		}
	case PaxosNotAccepted, PaxosNotLearned, PaxosLearnFailed, PaxosLearnTimeout:
		r.paxos = paxosFault(f.Effect)
	}
	answer, err := c.n.sim.execute(r)
	switch {
	case err != nil:
	case f.Effect == TimeoutAfter:
		return nil, c.n.sim.failure(r, f.Effect)
	case f.Effect == DropAfter:
		return nil, errDropped
	}
	return answer, err
}

// wait sleeps. It reports whether the connection still exists.
func (c *conn) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.done:
		return false
	}
}

// hold waits until a test releases the request. It reports whether the connection still exists.
func (c *conn) hold(until <-chan struct{}) bool {
	if until == nil {
		return true
	}
	select {
	case <-until:
		return true
	case <-c.done:
		return false
	}
}
