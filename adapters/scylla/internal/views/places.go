package views

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/projection"
	"orderflow/ports"
)

// place is the part of a partition key that is derived from a row. It is zero where a table does
// not have that part.
type place struct {
	bucket string
	shard  int
}

// placeOf returns where the row with a key is.
func placeOf(table *projection.Table, key []any) place {
	shard, _ := table.ShardOf(key)
	return place{bucket: table.BucketOf(key), shard: shard}
}

// placesOf returns where the rows are whose leading key columns have these values, at least one of
// them a clustering column: the shards of one bucket.
func placesOf(table *projection.Table, prefix []any) []place {
	bucket := table.BucketOf(prefix)
	if shard, ok := table.ShardOf(prefix); ok {
		return []place{{bucket, shard}}
	}
	places := make([]place, table.ShardCount())
	for shard := range places {
		places[shard] = place{bucket, shard}
	}
	return places
}

// behindShards is greater than what comes after the name of a bucket in a note.
const behindShards = "/~"

// note returns the place as it is recorded in view_buckets: as text that sorts by bucket.
func (p place) note(table *projection.Table) string {
	if table.ShardCount() == 1 {
		return p.bucket
	}
	return p.bucket + "/" + strconv.Itoa(p.shard)
}

func placeOfNote(note string) place {
	bucket, shard, _ := strings.Cut(note, "/")
	n, _ := strconv.Atoi(shard) // without shards there is none
	return place{bucket, n}
}

// storedName returns the name of a table here. Each layout has a table of its own, because the
// primary key of a table cannot be changed.
func storedName(table *projection.Table) string {
	if table.Layout > 1 {
		return table.Name + "_" + strconv.Itoa(table.Layout)
	}
	return table.Name
}

// derived returns the derived columns of the partition key, which are its last ones.
func derived(table *projection.Table) (columns []projection.Column) {
	if table.Bucket > 0 {
		columns = append(columns, projection.Column{Name: projection.BucketColumn, Kind: projection.Text})
	}
	if table.ShardCount() > 1 {
		columns = append(columns, projection.Column{Name: projection.ShardColumn, Kind: projection.BigInt})
	}
	return columns
}

// values returns the values of the derived columns.
func (p place) values(table *projection.Table) (values []any) {
	if table.Bucket > 0 {
		values = append(values, p.bucket)
	}
	if table.ShardCount() > 1 {
		values = append(values, p.shard)
	}
	return values
}

// partitionColumns returns the columns of the partition key after consumer and generation.
func partitionColumns(table *projection.Table) []projection.Column {
	return slices.Concat(table.Columns[:table.PartitionLen()], derived(table))
}

// where returns a condition for bindAt: the view, the derived columns, and the first n columns.
func where(table *projection.Table, n int) string {
	return " WHERE consumer = ? AND generation = ?" + equals(derived(table)) + equals(table.Columns[:n])
}

// bindAt returns the values of the view, of the derived columns, and of the leading key columns.
func bindAt(view ports.ViewID, table *projection.Table, at place, key []any) []any {
	values := []any{view.Consumer, view.Generation}
	return bindKey(append(values, at.values(table)...), key)
}

func insertRow(table *projection.Table) string {
	names := columnNames(slices.Concat(derived(table), table.Columns))
	return fmt.Sprintf(`INSERT INTO %s (consumer, generation, %s) VALUES (?, ?%s) USING TIMESTAMP ?`,
		storedName(table), strings.Join(names, ", "), strings.Repeat(", ?", len(names)))
}

func deleteRow(table *projection.Table) string {
	return fmt.Sprintf(`DELETE FROM %s USING TIMESTAMP ?%s`, storedName(table), where(table, table.KeyLen()))
}

func columnNames(columns []projection.Column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}

// equals returns the end of a condition that the columns have given values.
func equals(columns []projection.Column) string {
	var condition strings.Builder
	for _, c := range columns {
		condition.WriteString(" AND " + c.Name + " = ?")
	}
	return condition.String()
}

// compareKeys compares rows of one key as the server orders them. The order of buckets follows from
// it.
func compareKeys(table *projection.Table, a, b projection.Row) int {
	for i := table.PartitionLen(); i < table.KeyLen(); i++ {
		order := 0
		switch v := a[i].(type) {
		case string:
			order = cmp.Compare(v, b[i].(string))
		case int64:
			order = cmp.Compare(v, b[i].(int64))
		case time.Time:
			order = v.Compare(b[i].(time.Time))
		case uuid.UUID:
			order = compareIDs(v, b[i].(uuid.UUID))
		}
		if table.Columns[i].Descending {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// compareIDs compares by version, those of version 1 by time, and then byte by byte.
func compareIDs(a, b uuid.UUID) int {
	order := cmp.Compare(a.Version(), b.Version())
	if order == 0 && a.Version() == 1 {
		order = cmp.Compare(a.Time(), b.Time())
	}
	if order == 0 {
		order = slices.Compare(a[:], b[:])
	}
	return order
}
