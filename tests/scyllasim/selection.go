package scyllasim

import (
	"strings"
	"time"

	"github.com/datastax/go-cassandra-native-protocol/datatype"
	"github.com/datastax/go-cassandra-native-protocol/message"
)

// rowView reads the live values of one row of a partition. r is nil for a partition that has only
// static columns.
type rowView struct {
	p   *partition
	r   *row
	now int64
}

func (v rowView) get(c *column) []byte {
	switch c.kind {
	case partitionColumn:
		return v.p.key[c.pos]
	case clusteringColumn:
		if v.r == nil {
			return nil
		}
		return v.r.ck[c.pos]
	}
	d, del := v.data(c)
	return d.read(c, del, v.now)
}

func (v rowView) data(c *column) (*columnData, int64) {
	r := v.r
	if c.kind == staticColumn {
		r = v.p.static
	}
	if r == nil {
		return nil, noTime
	}
	return r.cols[c], max(v.p.del, r.del)
}

// cell gives the live cell of an atomic column.
func (v rowView) cell(c *column) (cell, bool) {
	if c.primary() || v.get(c) == nil {
		return cell{}, false
	}
	d, _ := v.data(c)
	return d.cell, true
}

// staticLive reports whether the partition has any static value.
func (v rowView) staticLive() bool {
	for _, c := range v.p.t.statics {
		if v.get(c) != nil {
			return true
		}
	}
	return false
}

// output is one column of a result.
type output struct {
	spec *message.ColumnMetadata
	get  func(rowView) []byte
}

// outputs resolves the selection of a SELECT. here is the time of the coordinator.
func (s *selectStmt) outputs(t *table, here time.Time) ([]output, error) {
	if s.all {
		var out []output
		for _, c := range t.all() {
			out = append(out, output{c.spec(t), func(v rowView) []byte { return v.get(c) }})
		}
		return out, nil
	}
	out := make([]output, len(s.items))
	for i, item := range s.items {
		o, err := item.output(t, here)
		if err != nil {
			return nil, err
		}
		if item.alias != "" {
			o.spec.Name = item.alias
		}
		out[i] = o
	}
	return out, nil
}

func (s selector) output(t *table, here time.Time) (output, error) {
	cols := make([]*column, len(s.cols))
	for i, n := range s.cols {
		if cols[i] = t.columns[n]; cols[i] == nil {
			return output{}, invalid("Undefined name %s in selection clause", n)
		}
	}
	switch s.kind {
	case selCount:
		return output{spec: columnSpec(t, "count", datatype.Bigint)}, nil
	case selToken:
		spec := columnSpec(t, "system.token("+strings.Join(s.cols, ", ")+")", datatype.Bigint)
		return output{spec, func(v rowView) []byte { return encode(bigintT, v.p.token) }}, nil
	case selNow:
		spec := columnSpec(t, "system.now()", datatype.Timeuuid)
		return output{spec, func(rowView) []byte { return randomTimeUUID(here.UnixMicro()) }}, nil
	case selWritetime, selTTL:
		return metaOutput(t, s.kind, cols[0])
	}
	return output{cols[0].spec(t), func(v rowView) []byte { return v.get(cols[0]) }}, nil
}

func metaOutput(t *table, k selectorKind, c *column) (output, error) {
	if c.primary() || c.typ.multiCell() {
		return output{}, invalid("Cannot use selection function on %s", c.name)
	}
	if k == selWritetime {
		return output{columnSpec(t, "writetime("+c.name+")", datatype.Bigint), func(v rowView) []byte {
			if d, ok := v.cell(c); ok {
				return encode(bigintT, d.ts)
			}
			return nil
		}}, nil
	}
	return output{columnSpec(t, "ttl("+c.name+")", datatype.Int), func(v rowView) []byte {
		if d, ok := v.cell(c); ok && d.expires != 0 {
			return encode(intT, d.expires-v.now)
		}
		return nil
	}}, nil
}

func (s *selectStmt) counts() bool {
	for _, i := range s.items {
		if i.kind == selCount {
			return true
		}
	}
	return false
}

func (s *selectStmt) checkDistinct(t *table) error {
	for _, i := range s.items {
		for _, n := range i.cols {
			if c := t.columns[n]; c != nil && c.kind != partitionColumn && c.kind != staticColumn {
				return invalid("SELECT DISTINCT queries must only request partition key columns and/or static columns (not %s)", n)
			}
		}
	}
	return nil
}

// reversed reports whether ORDER BY asks for the opposite of the stored order.
func (s *selectStmt) reversed(t *table, byKey bool) (bool, error) {
	if len(s.orderBy) == 0 {
		return false, nil
	}
	if !byKey {
		return false, invalid("ORDER BY is only supported when the partition key is restricted by an EQ or an IN.")
	}
	var rev bool
	for i, o := range s.orderBy {
		c := t.columns[o.col]
		if c == nil || c.kind != clusteringColumn || c.pos != i {
			return false, invalid("Order by currently only supports the ordering of columns following their declared order in the PRIMARY KEY")
		}
		r := o.desc != c.desc
		if i > 0 && r != rev {
			return false, invalid("Unsupported order by relation")
		}
		rev = r
	}
	return rev, nil
}
