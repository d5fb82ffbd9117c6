package scyllasim

import (
	"crypto/md5"
	"time"

	"github.com/datastax/go-cassandra-native-protocol/message"
	"github.com/datastax/go-cassandra-native-protocol/primitive"
)

// preparedStmt is a statement that a node knows by an id. Names are resolved when it runs, so a
// schema change cannot make it stale.
type preparedStmt struct {
	cql   string
	stmt  statement
	binds int
}

// binder finds the name and type of each bind marker.
type binder struct {
	t     *table
	specs []*message.ColumnMetadata
	where map[string]uint16 // column → marker, for those compared by "=" or inserted
}

func (b *binder) term(x term, name string, typ *cqlType) {
	switch x.kind {
	case tBind:
		b.specs[x.bind] = columnSpec(b.t, name, typ.wire())
	case tFunc:
		for _, a := range x.items {
			b.term(a, "arg0(system."+x.text+")", timestampT)
		}
	case tBraces, tList:
		for i, item := range x.items {
			if typ.collection() {
				b.term(item, "value("+name+")", typ.val)
			}
			if i < len(x.keys) && typ.kind == kMap {
				b.term(x.keys[i], "key("+name+")", typ.key)
			}
		}
	}
}

func (b *binder) column(name string) (*column, error) {
	c := b.t.columns[name]
	if c == nil {
		return nil, invalid("Unknown identifier %s", name)
	}
	return c, nil
}

// assigned binds a value given to a column by name.
func (b *binder) assigned(name string, x term) error {
	c, err := b.column(name)
	if err != nil {
		return err
	}
	if x.kind == tBind {
		b.where[name] = uint16(x.bind)
	}
	b.term(x, name, c.typ)
	return nil
}

func (b *binder) relations(rels []relation) error {
	for _, r := range rels {
		if r.token {
			b.token(r.terms[0])
			continue
		}
		for i, n := range r.cols {
			c := b.t.columns[n]
			switch {
			case c == nil:
				return invalid("Undefined name %s in where clause ('%s %s ?')", n, n, r.op)
			case r.inMarker:
				b.term(r.terms[0], "in("+n+")", frozenList(c.typ))
			case r.op == "IN":
				for _, x := range r.terms {
					b.term(x, n, c.typ)
				}
			case r.op == "=":
				if err := b.assigned(n, r.terms[i]); err != nil {
					return err
				}
			default:
				b.term(r.terms[i], n, c.typ)
			}
		}
	}
	return nil
}

func (b *binder) token(x term) {
	if x.kind != tFunc {
		b.term(x, "partition key token", bigintT)
		return
	}
	for i, item := range x.items {
		if i < len(b.t.pk) {
			b.term(item, b.t.pk[i].name, b.t.pk[i].typ)
		}
	}
}

func (b *binder) using(u using) {
	b.optional(u.ttl, "[ttl]", intT)
	b.optional(u.timestamp, "[timestamp]", bigintT)
}

func (b *binder) optional(x *term, name string, typ *cqlType) {
	if x != nil {
		b.term(*x, name, typ)
	}
}

func (b *binder) statement(st statement) error {
	switch st := st.(type) {
	case *selectStmt:
		b.optional(st.limit, "[limit]", intT)
		b.optional(st.perPartition, "[per_partition_limit]", intT)
		return b.relations(st.where)
	case *insertStmt:
		b.using(st.using)
		for i, n := range st.cols {
			if err := b.assigned(n, st.vals[i]); err != nil {
				return err
			}
		}
	case *updateStmt:
		b.using(st.using)
		for _, a := range st.sets {
			if err := b.assignment(a); err != nil {
				return err
			}
		}
		return b.whereIf(st.where, st.conds)
	case *deleteStmt:
		b.using(st.using)
		for _, d := range st.cols {
			c, err := b.column(d.col)
			if err != nil {
				return err
			}
			if c.typ.collection() {
				b.optional(d.key, "key("+d.col+")", c.typ.keyType())
			}
		}
		return b.whereIf(st.where, st.conds)
	}
	return nil
}

// whereIf binds WHERE and IF. IF cannot name the primary key.
func (b *binder) whereIf(where, conds []relation) error {
	if _, err := conditionShape(b.t, false, conds); err != nil {
		return err
	}
	if err := b.relations(conds); err != nil {
		return err
	}
	return b.relations(where)
}

func (b *binder) assignment(a assignment) error {
	c, err := b.column(a.col)
	if err != nil {
		return err
	}
	switch {
	case a.op == assignRemove && c.typ.collection():
		b.term(a.val, a.col, frozenSet(c.typ.keyType()))
	case a.op == assignElement && c.typ.kind == kMap:
		b.term(a.key, "key("+a.col+")", c.typ.key)
		b.term(a.val, "value("+a.col+")", c.typ.val)
	default:
		b.term(a.val, a.col, c.typ)
	}
	return nil
}

// partitionKey returns the markers of the partition key. It returns nil unless all of the key is
// bound.
func (b *binder) partitionKey() []uint16 {
	var out []uint16
	for _, c := range b.t.pk {
		i, ok := b.where[c.name]
		if !ok {
			return nil
		}
		out = append(out, i)
	}
	return out
}

// prepare describes a statement to the client and stores it on the node.
func (s *Sim) prepare(n *node, keyspace, cql string) (message.Message, statement, error) {
	st, binds, err := parse(cql)
	if err != nil {
		return nil, nil, err
	}
	defer s.lock()()
	if d, ok := st.(*describeStmt); ok {
		if err := d.check(s); err != nil {
			return nil, nil, err
		}
	}
	id := md5.Sum([]byte(keyspace + "\x00" + cql))
	res := &message.PreparedResult{PreparedQueryId: id[:], VariablesMetadata: &message.VariablesMetadata{}}
	if name := tableOf(st); isDML(st) {
		t, err := s.lookup(&request{node: n, keyspace: keyspace}, name)
		if err != nil {
			return nil, nil, err
		}
		b := &binder{t: t, specs: make([]*message.ColumnMetadata, binds), where: map[string]uint16{}}
		if err := b.statement(st); err != nil {
			return nil, nil, err
		}
		for _, spec := range b.specs {
			if spec == nil {
				return nil, nil, unsupported("a bind marker at this place")
			}
		}
		res.VariablesMetadata = &message.VariablesMetadata{PkIndices: b.partitionKey(), Columns: b.specs}
		cols, err := resultSpecs(t, st)
		if err != nil {
			return nil, nil, err
		}
		res.ResultMetadata = &message.RowsMetadata{ColumnCount: int32(len(cols)), Columns: cols}
	}
	n.prepared[string(id[:])] = &preparedStmt{cql, st, binds}
	return res, st, nil
}

func isDML(st statement) bool {
	switch st.(type) {
	case *selectStmt, *insertStmt, *updateStmt, *deleteStmt:
		return true
	}
	return false
}

// resultSpecs describes the rows a statement answers with.
func resultSpecs(t *table, st statement) ([]*message.ColumnMetadata, error) {
	if sel, ok := st.(*selectStmt); ok {
		outs, err := sel.outputs(t, time.Time{})
		var specs []*message.ColumnMetadata
		for _, o := range outs {
			specs = append(specs, o.spec)
		}
		return specs, err
	}
	if !conditional(st) {
		return nil, nil
	}
	m := &modification{t: t}
	var err error
	switch st := st.(type) {
	case *insertStmt:
		m.cond = &condition{notExists: true}
	case *updateStmt:
		m.cond, err = conditionShape(t, st.ifExists, st.conds)
	case *deleteStmt:
		m.cond, err = conditionShape(t, st.ifExists, st.conds)
	}
	if err != nil {
		return nil, err
	}
	return casSpecs(t, casColumns(t, []*modification{m}, false)), nil
}

// bound gives the statement of an EXECUTE or of a batch entry with its values.
func (p *preparedStmt) bound(vals []*primitive.Value) (boundStmt, error) {
	if len(vals) != p.binds {
		return boundStmt{}, invalid("Invalid amount of bind variables: expected %d, got %d", p.binds, len(vals))
	}
	b := boundStmt{cql: p.cql, stmt: p.stmt}
	for _, v := range vals {
		switch v.Type {
		case primitive.ValueTypeUnset:
			b.values = append(b.values, value{unset: true})
		case primitive.ValueTypeNull:
			b.values = append(b.values, value{})
		default:
			b.values = append(b.values, value{b: v.Contents})
		}
	}
	return b, nil
}
