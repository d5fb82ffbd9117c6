package projection

import (
	"fmt"
	"time"
)

// Width is how much time one bucket of a table covers.
type Width int

// The widths. Hours, days and months are those of UTC.
const (
	Hour Width = iota + 1
	Day
	Month
)

// Names of columns that stores derive, and that no table may declare.
const (
	BucketColumn = "bucket"
	ShardColumn  = "shard"
)

// MaxShards is the highest number of shards of a table. A list reads all shards of a bucket.
const MaxShards = 256

// The times with buckets of their own. Later and earlier ones, which the layouts of Width cannot
// show in order, share the last and the first bucket.
var (
	firstTime = time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(9999, time.December, 31, 23, 0, 0, 0, time.UTC)
)

// Of returns the bucket of a time, as text. The order of texts is that of times.
func (w Width) Of(at time.Time) string { return string(w.append(nil, at)) }

func (w Width) append(dst []byte, at time.Time) []byte {
	at = at.UTC()
	switch {
	case at.Before(firstTime):
		at = firstTime
	case at.After(lastTime):
		at = lastTime
	}
	switch w {
	case Hour:
		return at.AppendFormat(dst, "2006-01-02T15")
	case Day:
		return at.AppendFormat(dst, time.DateOnly)
	case Month:
		return at.AppendFormat(dst, "2006-01")
	default:
		return dst
	}
}

// BucketOf returns the bucket of the rows whose leading columns have these values. The values reach
// at least to the first clustering column. It is empty for a table without buckets.
func (t *Table) BucketOf(values []any) string { return string(t.AppendBucket(nil, values)) }

// AppendBucket appends what BucketOf returns.
func (t *Table) AppendBucket(dst []byte, values []any) []byte {
	if t.Bucket == 0 {
		return dst
	}
	at, _ := values[t.PartitionLen()].(time.Time)
	return t.Bucket.append(dst, at)
}

// OldestFirst reports whether lists begin with the oldest bucket, and not with the newest one.
func (t *Table) OldestFirst() bool { return !t.Columns[t.PartitionLen()].Descending }

// ShardCount is the number of shards, at least 1.
func (t *Table) ShardCount() int { return max(t.Shards, 1) }

// ShardOf returns the shard of a row, from 0. ok is false when the values do not reach to the
// column of the owner, and there is more than one shard.
func (t *Table) ShardOf(values []any) (shard int, ok bool) {
	if t.ShardCount() == 1 {
		return 0, true
	}
	id, ok := t.OwnerOf(values)
	if !ok {
		return 0, false
	}
	// FNV-1a. What is stored depends on it, so it never changes.
	hash := uint64(14695981039346656037)
	for _, b := range id {
		hash = (hash ^ uint64(b)) * 1099511628211
	}
	return int((hash ^ hash>>32) % uint64(t.Shards)), true //nolint:gosec // it is below Shards
}

// LaidOut returns the table with another layout of the same columns.
func (t *Table) LaidOut(layout int, bucket Width, shards int) *Table {
	other := *t
	other.Layout, other.Bucket, other.Shards = layout, bucket, shards
	return &other
}

func (t *Table) checkSpread() error {
	first := t.PartitionLen()
	switch {
	case t.Bucket < 0 || t.Bucket > Month:
		return fmt.Errorf("table %s: unknown width %d of a bucket", t.Name, t.Bucket)
	case t.Shards < 0 || t.Shards > MaxShards:
		return fmt.Errorf("table %s: %d shards, where up to %d can be", t.Name, t.Shards, MaxShards)
	case t.Layout < 0:
		return fmt.Errorf("table %s: layout %d", t.Name, t.Layout)
	case t.Shards > 1 && t.Bucket == 0:
		return fmt.Errorf("table %s: shards without buckets, which would grow for ever", t.Name)
	case t.Bucket > 0 && (first == t.KeyLen() || t.Columns[first].Kind != Timestamp):
		return fmt.Errorf("table %s: buckets need a time as first clustering column", t.Name)
	}
	return nil
}
