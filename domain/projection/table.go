package projection

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Kind is the type of a column's values.
type Kind int

// The kinds, with the Go type and the CQL type of their values.
const (
	Text   Kind = iota + 1 // string, text
	BigInt                 // int64, bigint
	// time.Time in UTC and whole milliseconds, timestamp; the zero time is null
	Timestamp
	UUID // uuid.UUID, uuid
)

// Role is the role of a column in its table.
type Role int

// The roles. Columns of a table are declared in the order of these constants.
const (
	// Partition columns must be given in every query. The rows that share their values are the rows
	// of one key.
	Partition Role = iota + 1
	// Clustering columns order the rows of a key and, with the partition columns, identify a row.
	Clustering
	// Regular columns are all others.
	Regular
)

// Column is one column of a [Table].
type Column struct {
	Name string
	Kind Kind
	Role Role
	// Descending reverses the order of a clustering column.
	Descending bool
}

// Table maps a projection onto storage. Every store derives its own layout from it.
//
// Rows are listed by key, in the order of the clustering columns. Bucket and Shards never show in a
// row or in the order of a list: they only bound what a store keeps in one place.
type Table struct {
	// Name is the table's name in every store, such as "orders_by_customer".
	Name string
	// Owner names the key column, of kind UUID, that holds the id of the aggregate of the row. It
	// is a part of the key, so no two aggregates share a row.
	Owner string
	// Columns come in this order: partition columns, clustering columns, regular columns.
	Columns []Column
	// Bucket is how much time one bucket of a key covers. A row is in the bucket of the time in its
	// first clustering column. 0 means that all rows of a key are together.
	Bucket Width
	// Shards is how many parts the rows of one bucket are divided into, by a hash of the aggregate
	// id. 0 means 1.
	Shards int
	// Layout is the number of the layout: key columns, Bucket and Shards. It is greater than that
	// of every earlier layout; see [Definition].Earlier. 0 means 1.
	Layout int
	// Former reports that this is the layout of an earlier version, whose processes may still run
	// and write. [Define] sets it.
	Former bool
}

// Row holds one value for each column, in the order of [Table].Columns. Each value has the Go type
// of the column's [Kind].
type Row []any

// PartitionLen is the number of partition columns.
func (t *Table) PartitionLen() int {
	for i, c := range t.Columns {
		if c.Role != Partition {
			return i
		}
	}
	return len(t.Columns)
}

// KeyLen is the number of key columns: partition and clustering.
func (t *Table) KeyLen() int {
	for i, c := range t.Columns {
		if c.Role == Regular {
			return i
		}
	}
	return len(t.Columns)
}

// Key returns the key columns of row.
func (t *Table) Key(row Row) Row { return row[:t.KeyLen()] }

// OwnerOf returns the id of the aggregate of a row. ok is false for a row that does not fit the
// table.
func (t *Table) OwnerOf(row Row) (id uuid.UUID, ok bool) {
	for i, c := range t.Columns {
		if c.Name == t.Owner && i < len(row) {
			id, ok = row[i].(uuid.UUID)
			return id, ok
		}
	}
	return uuid.Nil, false
}

// Get returns the value of the named column. It panics when the table has no such column, because
// that is a bug.
func (t *Table) Get(row Row, column string) any {
	for i, c := range t.Columns {
		if c.Name == column {
			return row[i]
		}
	}
	panic(fmt.Sprintf("table %s has no column %q", t.Name, column))
}

// Check returns what is wrong with a declaration: a name, a kind, roles out of order, no key, no
// owner in the key, or buckets and shards that cannot be.
func (t *Table) Check() error {
	if t.Name == "" {
		return fmt.Errorf("table without a name")
	}
	if t.KeyLen() == 0 || t.Columns[0].Role != Partition {
		return fmt.Errorf("table %s: no partition column", t.Name)
	}
	seen := map[string]bool{}
	for i, c := range t.Columns {
		switch {
		case c.Name == "" || seen[c.Name]:
			return fmt.Errorf("table %s: column %d: empty or repeated name %q", t.Name, i, c.Name)
		case c.Kind < Text || c.Kind > UUID:
			return fmt.Errorf("table %s: column %s: unknown kind %d", t.Name, c.Name, c.Kind)
		case c.Role < Partition || c.Role > Regular:
			return fmt.Errorf("table %s: column %s: unknown role %d", t.Name, c.Name, c.Role)
		case i > 0 && c.Role < t.Columns[i-1].Role:
			return fmt.Errorf("table %s: column %s: out of order", t.Name, c.Name)
		case c.Name == BucketColumn || c.Name == ShardColumn:
			return fmt.Errorf("table %s: column %s: stores have one with that name", t.Name, c.Name)
		}
		seen[c.Name] = true
	}
	owned := func(c Column) bool { return c.Name == t.Owner && c.Kind == UUID }
	if !slices.ContainsFunc(t.Columns[:t.KeyLen()], owned) {
		return fmt.Errorf("table %s: the owner %q is no key column of kind UUID", t.Name, t.Owner)
	}
	return t.checkSpread()
}

// CheckRow returns an error for the first value that does not fit its column.
func (t *Table) CheckRow(row Row) error {
	if len(row) != len(t.Columns) {
		return fmt.Errorf("table %s: %d values for %d columns", t.Name, len(row), len(t.Columns))
	}
	for i, c := range t.Columns {
		if !c.Kind.holds(row[i]) {
			return fmt.Errorf("table %s: column %s: %T", t.Name, c.Name, row[i])
		}
	}
	return nil
}

func (k Kind) holds(value any) bool {
	switch v := value.(type) {
	case string:
		return k == Text
	case int64:
		return k == BigInt
	case time.Time:
		return k == Timestamp && v.Location() == time.UTC && v.Equal(v.Truncate(time.Millisecond))
	case uuid.UUID:
		return k == UUID
	default:
		return false
	}
}
