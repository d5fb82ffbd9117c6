package views

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/domain/projection"
	"orderflow/ports"
)

const (
	insertBucket  = `INSERT INTO view_buckets (consumer, generation, table_name, partition_values, bucket) VALUES (?, ?, ?, ?, ?)`
	selectBuckets = `SELECT bucket FROM view_buckets WHERE consumer = ? AND generation = ? AND table_name = ? AND partition_values = ?`
)

const (
	// maxKnownBuckets bounds the memory of knownBuckets. That is enough for thirty years of one
	// partition, or a day of ten thousand.
	maxKnownBuckets = 10_000
	// MaxBuckets bounds the buckets that are read for one page. A listing whose rows have moved
	// away leaves empty buckets.
	MaxBuckets = 64
)

// knownBuckets are buckets that this process has recorded, so that it does not record them with
// every row.
type knownBuckets struct {
	mu    sync.Mutex
	names map[string]bool
}

func (k *knownBuckets) has(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.names[name]
}

func (k *knownBuckets) add(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.names == nil || len(k.names) >= maxKnownBuckets {
		k.names = map[string]bool{}
	}
	k.names[name] = true
}

// bucketColumn returns the index of the bucket among the columns of a table. It is -1 when there is
// none.
func bucketColumn(table *projection.Table) int {
	return slices.IndexFunc(table.Columns, func(c projection.Column) bool { return c.Role == projection.Bucket })
}

// noteBucket makes the bucket of a row known to listings. The bucket is recorded before the row is
// written, and stays recorded.
func (s *Views) noteBucket(ctx context.Context, view ports.ViewID, table *projection.Table, row projection.Row) error {
	at := bucketColumn(table)
	if at < 0 {
		return nil
	}
	partition := string(encodeKey(row[:at]))
	name := fmt.Sprintf("%q %d %s %s %q", view.Consumer, view.Generation, table.Name, partition, row[at])
	if s.buckets.has(name) {
		return nil
	}
	if err := s.c.Exec(ctx, insertBucket, view.Consumer, view.Generation, table.Name, partition, row[at]); err != nil {
		return err
	}
	s.buckets.add(name)
	return nil
}

// bucketsFrom returns buckets of a partition, the greatest first, up to one more than are read for
// a page: all, or those that compare to the given one as the operator says.
func (s *Views) bucketsFrom(ctx context.Context, q ports.RowQuery, operator string, bucket any) ([]string, error) {
	cql, args := selectBuckets, []any{q.View.Consumer, q.View.Generation, q.Table.Name, string(encodeKey(q.Prefix))}
	if operator != "" {
		cql, args = cql+" AND bucket "+operator+" ?", append(args, bucket)
	}
	iter := s.c.Query(ctx, cql+" LIMIT ?", append(args, MaxBuckets+1)...).Iter()
	var buckets []string
	var name string
	for iter.Scan(&name) {
		buckets = append(buckets, name)
	}
	return buckets, cluster.Translate(ctx, iter.Close(), cluster.Read)
}
