package views

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/adapters/scylla/internal/paging"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// tablePage is how many rows of a whole table are fetched at a time, at least.
const tablePage = 100

// partitionsAtOnce is how many partitions of a key are read at the same time.
const partitionsAtOnce = 16

// fewRows is how many rows of a partition are read at least, where several are read together.
const fewRows = 8

// Rows implements [ports.ViewReader]. A listing with buckets reads the shards of a bucket at the
// same time and merges them, and goes from bucket to bucket. It reads up to [MaxPartitions]
// partitions for a page, and returns a short page when these have fewer rows. The whole table is
// read in the order of tokens. All views share the table, so the rows of others are read, too, and
// left out here.
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
	switch {
	case len(q.Prefix) == 0:
		err = r.readTable()
	case q.Table.Bucket == 0:
		_, err = r.readTogether([]place{{}})
	case len(q.Prefix) > q.Table.PartitionLen():
		_, err = r.readTogether(placesOf(q.Table, q.Prefix))
	default:
		err = r.readBuckets()
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
	// after is the key after which the page starts. It is nil at the beginning, and where the page
	// starts after a bucket.
	after projection.Row
	// afterBucket is the bucket after which the page starts.
	afterBucket string
	rows        []projection.Row
	// done is the bucket where a page ends that is short, but not the last one.
	done string
}

func newRowReader(ctx context.Context, s *Views, q ports.RowQuery) (*rowReader, error) {
	var err error
	if q.Limit, err = paging.Limit(q.Limit); err != nil {
		return nil, err
	}
	given := q.Table.PartitionLen()
	if n := len(q.Prefix); n != 0 && (n < given || n > q.Table.KeyLen()) {
		return nil, fmt.Errorf("a prefix of %d columns, where %d to %d can be given, or none", n, given, q.Table.KeyLen())
	}
	if err := checkKey(q.Table, q.Prefix); err != nil {
		return nil, err
	}
	r := &rowReader{ctx: ctx, store: s, query: q}
	r.listing = fmt.Sprintf("rows %q %d %q %s", q.View.Consumer, q.View.Generation, storedName(q.Table), encodeKey(q.Prefix))
	place, err := portkit.PlaceOf(r.listing, q.After)
	if err != nil || place == "" {
		return r, err
	}
	if bucket, ok := strings.CutPrefix(place, afterBucket); ok {
		r.afterBucket = bucket
		return r, nil
	}
	r.after, err = decodeKey(q.Table, []byte(place))
	if err == nil && len(r.after) != q.Table.KeyLen() {
		err = fmt.Errorf("%d key columns", len(r.after))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ports.ErrBadCursor, err)
	}
	return r, nil
}

// afterBucket begins the place of a listing that starts after a bucket. Other places are JSON.
const afterBucket = "bucket "

// page returns what was read.
func (r *rowReader) page() ports.RowPage {
	switch limit := r.query.Limit; {
	case len(r.rows) > limit:
		last := r.query.Table.Key(r.rows[limit-1])
		return ports.RowPage{Rows: r.rows[:limit], Next: portkit.CursorAt(r.listing, encodeKey(last))}
	case r.done != "":
		return ports.RowPage{Rows: r.rows, Next: portkit.CursorAt(r.listing, afterBucket+r.done)}
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
	partition := append([]string{"consumer", "generation"}, columnNames(partitionColumns(table))...)
	cql := fmt.Sprintf(`SELECT consumer, generation, %s FROM %s`, strings.Join(columnNames(table.Columns), ", "), storedName(table))
	var args []any
	if r.after != nil {
		at, key := placeOf(table, r.after), r.after[:table.PartitionLen()]
		rest, err := r.readPartition(r.ctx, at, key, r.after, r.missing())
		if r.rows = append(r.rows, rest...); err != nil || r.missing() == 0 {
			return err
		}
		names := strings.Join(partition, ", ")
		cql += fmt.Sprintf(` WHERE token(%s) > token(?%s)`, names, strings.Repeat(", ?", len(partition)-1))
		args = append(bindKey([]any{r.query.View.Consumer, r.query.View.Generation}, key), at.values(table)...)
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

// readBuckets reads bucket after bucket. Where a bucket has few rows, the next ones are read at the
// same time, more and more of them.
func (r *rowReader) readBuckets() error {
	bucket := r.afterBucket
	if r.after != nil {
		bucket = r.query.Table.BucketOf(r.after)
	}
	notes, more, err := r.store.notesFrom(r.ctx, r.query, bucket, r.after == nil)
	if err != nil {
		return err
	}
	var empty []noted
	for width := 1; len(notes) > 0 && r.missing() > 0; width *= 2 {
		n := together(notes, min(width, partitionsAtOnce))
		places := make([]place, n)
		for i, note := range notes[:n] {
			places[i] = note.place
		}
		parts, err := r.readTogether(places)
		if err != nil {
			return err
		}
		for i, part := range parts {
			if part.whole && len(part.rows) == 0 && (r.after == nil || part.at.bucket != bucket) {
				empty = append(empty, notes[i])
			}
		}
		if more {
			r.done = notes[n-1].bucket
		}
		notes = notes[n:]
	}
	r.store.forget(r.ctx, r.query, empty)
	return nil
}

// together returns how many notes of whole buckets have at least n partitions.
func together(notes []noted, n int) int {
	for n < len(notes) && notes[n].bucket == notes[n-1].bucket {
		n++
	}
	return min(n, len(notes))
}

// part is what was read of one partition.
type part struct {
	at   place
	rows []projection.Row
	// whole reports that there are no more rows in the partition, and enough that no other one of
	// them belongs on the page.
	whole, enough bool
}

// readTogether reads some partitions at the same time and merges their rows. Each is asked for its
// share of the page first, and then, if it has rows that may belong on the page, for the rest. So a
// page needs two rounds of queries at most, and reads few rows for nothing.
func (r *rowReader) readTogether(places []place) ([]part, error) {
	table, limit := r.query.Table, r.missing()
	parts := make([]part, len(places))
	for i, at := range places {
		parts[i].at = at
	}
	share := limit
	if len(places) > 1 {
		share = min(limit, 2*limit/len(places)+fewRows)
	}
	for {
		if err := r.readOn(parts, share); err != nil {
			return nil, err
		}
		var merged []projection.Row
		for _, p := range parts {
			merged = append(merged, p.rows...)
		}
		slices.SortFunc(merged, func(a, b projection.Row) int { return compareKeys(table, a, b) })
		merged = merged[:min(limit, len(merged))]
		share = limit
		complete := true
		for i := range parts {
			p := &parts[i]
			p.enough = p.whole || len(merged) == limit && compareKeys(table, p.rows[len(p.rows)-1], merged[limit-1]) >= 0
			complete = complete && p.enough
		}
		if complete {
			r.rows = append(r.rows, merged...)
			return parts, nil
		}
	}
}

// readOn reads up to n more rows of each partition that has more.
func (r *rowReader) readOn(parts []part, n int) error {
	group, ctx := errgroup.WithContext(r.ctx)
	group.SetLimit(partitionsAtOnce)
	for i := range parts {
		p := &parts[i]
		if p.enough {
			continue
		}
		after := r.after
		if r.after != nil && r.query.Table.BucketOf(r.after) != p.at.bucket {
			after = nil // all of the bucket comes after it
		}
		if len(p.rows) > 0 {
			after = p.rows[len(p.rows)-1]
		}
		group.Go(func() error {
			rows, err := r.readPartition(ctx, p.at, r.query.Prefix, after, n)
			p.rows, p.whole = append(p.rows, rows...), len(rows) < n
			return err
		})
	}
	return group.Wait()
}

// readPartition reads up to n rows of one partition whose key starts with prefix. If after is
// given, it reads those that come after that key.
//
// After a key (a, b) with b descending come first the rows with the same a and a smaller b, and
// then those with a greater a. That is one query for each column, and none needs a comparison of
// several columns in several directions.
func (r *rowReader) readPartition(ctx context.Context, at place, prefix []any, after projection.Row, n int) ([]projection.Row, error) {
	columns := r.query.Table.Columns[:r.query.Table.KeyLen()]
	if after == nil {
		return r.find(ctx, at, prefix, "", nil, n)
	}
	var rows []projection.Row
	for i := len(columns) - 1; i >= len(prefix) && len(rows) < n; i-- {
		operator := " > ?"
		if columns[i].Descending {
			operator = " < ?"
		}
		found, err := r.find(ctx, at, after[:i], " AND "+columns[i].Name+operator, bound(after[i]), n-len(rows))
		if rows = append(rows, found...); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// find reads the rows whose key starts with prefix and that meet one more condition.
func (r *rowReader) find(ctx context.Context, at place, prefix []any, condition string, value any, n int) ([]projection.Row, error) {
	table := r.query.Table
	cql := fmt.Sprintf(`SELECT %s FROM %s%s%s LIMIT ?`,
		strings.Join(columnNames(table.Columns), ", "), storedName(table), where(table, len(prefix)), condition)
	args := bindAt(r.query.View, table, at, prefix)
	if condition != "" {
		args = append(args, value)
	}
	next := newScanned(table)
	iter := r.store.c.Query(ctx, cql, append(args, n)...).Iter()
	var rows []projection.Row
	for iter.Scan(next.dest...) {
		rows = append(rows, next.row())
	}
	return rows, cluster.Translate(ctx, iter.Close(), cluster.Read)
}
