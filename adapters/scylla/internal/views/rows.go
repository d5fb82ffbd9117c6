package views

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gocql/gocql"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/adapters/scylla/internal/paging"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// tablePage is how many rows of a whole table are fetched at a time, at least.
const tablePage = 100

// Rows implements [ports.ViewReader]. A listing with buckets goes from bucket to bucket and may
// return a short page when many of them are empty. The whole table is read in the order of tokens.
// All views share the table, so the rows of others are read, too, and left out here.
func (s *Views) Rows(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) {
	page, err := s.rows(ctx, q)
	if err != nil {
		return ports.RowPage{}, fmt.Errorf("rows of %s in %s/%d: %w", q.Table.Name, q.View.Consumer, q.View.Generation, err)
	}
	return page, nil
}

func (s *Views) rows(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) {
	r, err := newRowReader(ctx, s, q)
	if err != nil {
		return ports.RowPage{}, err
	}
	if err := s.c.Enter(ctx); err != nil {
		return ports.RowPage{}, err
	}
	defer s.c.Leave()
	bucket := bucketColumn(q.Table)
	switch {
	case len(q.Prefix) == 0:
		err = r.readTable()
	case bucket >= 0 && len(q.Prefix) == bucket:
		err = r.readBuckets()
	default:
		err = r.readPartition(q.Prefix, r.after)
	}
	if err != nil {
		return ports.RowPage{}, err
	}
	return r.page(), nil
}

// rowReader reads one page, and one row more to know whether there is another page.
type rowReader struct {
	ctx     context.Context
	store   *Views
	query   ports.RowQuery
	listing string
	// partition is the number of partition columns and the bucket.
	partition int
	// after is the key after which the page starts. It may be only the columns up to the bucket;
	// then the page starts after that bucket. It is nil at the beginning.
	after projection.Row
	rows  []projection.Row
	// done is where a page ends that is short, but not the last one.
	done projection.Row
}

func newRowReader(ctx context.Context, s *Views, q ports.RowQuery) (*rowReader, error) {
	var err error
	if q.Limit, err = paging.Limit(q.Limit); err != nil {
		return nil, err
	}
	given, partition := 0, 0
	for _, c := range q.Table.Columns {
		switch c.Role {
		case projection.Partition:
			given, partition = given+1, partition+1
		case projection.Bucket:
			partition++
		}
	}
	if n := len(q.Prefix); n != 0 && (n < given || n > q.Table.KeyLen()) {
		return nil, fmt.Errorf("a prefix of %d columns, where %d to %d can be given, or none", n, given, q.Table.KeyLen())
	}
	if err := checkKey(q.Table, q.Prefix); err != nil {
		return nil, err
	}
	r := &rowReader{ctx: ctx, store: s, query: q, partition: partition}
	r.listing = fmt.Sprintf("rows %q %d %q %s", q.View.Consumer, q.View.Generation, q.Table.Name, encodeKey(q.Prefix))
	place, err := portkit.PlaceOf(r.listing, q.After)
	if err == nil && place != "" {
		if r.after, err = decodeKey(q.Table, []byte(place)); err != nil {
			err = fmt.Errorf("%w: %w", ports.ErrBadCursor, err)
		}
	}
	return r, err
}

// page returns what was read.
func (r *rowReader) page() ports.RowPage {
	switch limit := r.query.Limit; {
	case len(r.rows) > limit:
		last := r.query.Table.Key(r.rows[limit-1])
		return ports.RowPage{Rows: r.rows[:limit], Next: portkit.CursorAt(r.listing, encodeKey(last))}
	case r.done != nil:
		return ports.RowPage{Rows: r.rows, Next: portkit.CursorAt(r.listing, encodeKey(r.done))}
	default:
		return ports.RowPage{Rows: r.rows}
	}
}

// missing returns how many rows are still to be read.
func (r *rowReader) missing() int { return r.query.Limit + 1 - len(r.rows) }

// readTable reads what is left of the partition of the last row, and then the partitions with
// greater tokens.
func (r *rowReader) readTable() error {
	table := r.query.Table
	partition := append([]string{"consumer", "generation"}, columnNames(table.Columns[:r.partition])...)
	cql := fmt.Sprintf(`SELECT consumer, generation, %s FROM %s`, strings.Join(columnNames(table.Columns), ", "), table.Name)
	var args []any
	if r.after != nil {
		if err := r.readPartition(r.after[:r.partition], r.after); err != nil || r.missing() == 0 {
			return err
		}
		names := strings.Join(partition, ", ")
		cql += fmt.Sprintf(` WHERE token(%s) > token(?%s)`, names, strings.Repeat(", ?", len(partition)-1))
		args = bindKey(r.query.View, r.after[:r.partition])
	}
	var view ports.ViewID
	next := newScanned(table)
	iter := r.store.c.Query(r.ctx, cql, args...).PageSize(max(r.missing(), tablePage)).Iter()
	for r.missing() > 0 && iter.Scan(append([]any{&view.Consumer, &view.Generation}, next.dest...)...) {
		if view == r.query.View {
			r.rows = append(r.rows, next.row())
		}
	}
	return cluster.Translate(r.ctx, iter.Close(), cluster.Read)
}

// readBuckets reads bucket after bucket, the greatest first.
func (r *rowReader) readBuckets() error {
	at := r.partition - 1
	operator, bucket := "", any(nil)
	if r.after != nil {
		operator, bucket = "<=", r.after[at]
		if len(r.after) == r.partition {
			operator = "<"
		}
	}
	buckets, err := r.store.bucketsFrom(r.ctx, r.query, operator, bucket)
	if err != nil {
		return err
	}
	for i, name := range buckets {
		if r.missing() == 0 {
			return nil
		}
		prefix := append(slices.Clone(r.query.Prefix), name)
		if i == MaxBuckets {
			r.done = append(slices.Clone(r.query.Prefix), buckets[i-1])
			return nil
		}
		var after projection.Row
		if operator == "<=" && name == bucket {
			after = r.after
		}
		if err := r.readPartition(prefix, after); err != nil {
			return err
		}
	}
	return nil
}

// readPartition reads rows of one partition whose key starts with prefix. If after is given, it
// reads those that come after that key.
//
// After a key (a, b) with b descending come first the rows with the same a and a smaller b, and
// then those with a greater a. That is one query for each column, and none needs a comparison of
// several columns in several directions.
func (r *rowReader) readPartition(prefix []any, after projection.Row) error {
	columns := r.query.Table.Columns[:r.query.Table.KeyLen()]
	if after == nil {
		return r.find(prefix, "", nil)
	}
	for i := len(columns) - 1; i >= len(prefix) && r.missing() > 0; i-- {
		operator := " > ?"
		if columns[i].Descending {
			operator = " < ?"
		}
		if err := r.find(after[:i], " AND "+columns[i].Name+operator, bound(after[i])); err != nil {
			return err
		}
	}
	return nil
}

// find reads the rows whose key starts with prefix and that meet one more condition.
func (r *rowReader) find(prefix []any, condition string, value any) error {
	table := r.query.Table
	cql := fmt.Sprintf(`SELECT %s FROM %s WHERE consumer = ? AND generation = ?%s%s LIMIT ?`,
		strings.Join(columnNames(table.Columns), ", "), table.Name, equals(table.Columns[:len(prefix)]), condition)
	args := bindKey(r.query.View, prefix)
	if condition != "" {
		args = append(args, value)
	}
	return r.collect(r.store.c.Query(r.ctx, cql, append(args, r.missing())...))
}

func (r *rowReader) collect(q *gocql.Query) error {
	next := newScanned(r.query.Table)
	iter := q.Iter()
	for iter.Scan(next.dest...) {
		r.rows = append(r.rows, next.row())
	}
	return cluster.Translate(r.ctx, iter.Close(), cluster.Read)
}
