package porttest

import (
	"cmp"
	"context"
	"slices"

	"orderflow/adapters/memory"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// misleads lets change spoil the rows of a list of one key. Other queries are answered as they
// should be.
func misleads(change func(q ports.RowQuery, rows []projection.Row) []projection.Row) func(*memory.Store) ViewsHarness {
	return finds(func(q ports.RowQuery, all []projection.Row) []projection.Row {
		rows := matching(q, all, exactly)
		if q.Table.Bucket == 0 || len(q.Prefix) != q.Table.PartitionLen() {
			return rows
		}
		return change(q, rows)
	})
}

// going breaks how a list of one key goes on after a row, which is the last one of the page before.
func going(on func(q ports.RowQuery, rows []projection.Row, after int) []projection.Row) func(*memory.Store) ViewsHarness {
	return reads(func(ctx context.Context, s *memory.Store, q ports.RowQuery) (ports.RowPage, error) {
		if q.After == "" || q.Table.Bucket == 0 || len(q.Prefix) != q.Table.PartitionLen() {
			return s.Rows(ctx, q)
		}
		all, err := s.Rows(ctx, ports.RowQuery{View: q.View, Table: q.Table, Prefix: q.Prefix, Limit: 1 << 20})
		if err != nil {
			return ports.RowPage{}, err
		}
		rest, err := s.Rows(ctx, ports.RowQuery{View: q.View, Table: q.Table, Prefix: q.Prefix, After: q.After, Limit: 1 << 20})
		if err != nil {
			return ports.RowPage{}, err
		}
		rows := on(q, all.Rows, len(all.Rows)-len(rest.Rows)-1)
		return ports.RowPage{Rows: rows[:min(q.Limit, len(rows))]}, nil
	})
}

// bucketsOf returns the buckets of rows, each once.
func bucketsOf(table *projection.Table, rows []projection.Row) []string {
	var buckets []string
	for _, row := range rows {
		if bucket := table.BucketOf(row); !slices.Contains(buckets, bucket) {
			buckets = append(buckets, bucket)
		}
	}
	return buckets
}

func shardOf(table *projection.Table, row projection.Row) int {
	shard, _ := table.ShardOf(row)
	return shard
}

func proofsOfSpreads() []proof[ViewsHarness] {
	const (
		order   = "a list is in order across buckets and shards"
		across  = "a page goes on in whatever bucket the last one ended"
		again   = "a page can be read again from its cursor"
		empty   = "a list passes over buckets that are empty"
		reused  = "a bucket that was empty can be used again"
		many    = "a list has any number of buckets"
		between = "rows come and go between pages, in other buckets"
	)
	return []proof[ViewsHarness]{
		{broken: "lists one shard after the other", scenario: order, says: "rows of", adapter: misleads(func(q ports.RowQuery, rows []projection.Row) []projection.Row {
			slices.SortStableFunc(rows, func(a, b projection.Row) int { return cmp.Compare(shardOf(q.Table, a), shardOf(q.Table, b)) })
			return rows
		})},
		{broken: "lists one shard of each bucket after the other", scenario: order, says: "rows of", adapter: misleads(func(q ports.RowQuery, rows []projection.Row) []projection.Row {
			slices.SortStableFunc(rows, func(a, b projection.Row) int {
				if q.Table.BucketOf(a) != q.Table.BucketOf(b) {
					return 0
				}
				return cmp.Compare(shardOf(q.Table, a), shardOf(q.Table, b))
			})
			return rows
		})},
		{broken: "lists the newest bucket first, always", scenario: order, says: "rows of porttest_queue", adapter: misleads(func(q ports.RowQuery, rows []projection.Row) []projection.Row {
			slices.SortStableFunc(rows, func(a, b projection.Row) int { return cmp.Compare(q.Table.BucketOf(b), q.Table.BucketOf(a)) })
			return rows
		})},
		{broken: "reads only as many rows of a shard as are its share of the page", scenario: order, says: "rows of", adapter: misleads(func(q ports.RowQuery, rows []projection.Row) []projection.Row {
			read := map[int]int{}
			return slices.DeleteFunc(rows, func(row projection.Row) bool {
				read[shardOf(q.Table, row)]++
				return read[shardOf(q.Table, row)] > q.Limit/q.Table.ShardCount()
			})
		})},
		{broken: "looks into one shard for one moment", scenario: order, says: "rows of", adapter: finds(func(q ports.RowQuery, all []projection.Row) []projection.Row {
			rows := matching(q, all, exactly)
			if len(q.Prefix) != q.Table.PartitionLen()+1 {
				return rows
			}
			return slices.DeleteFunc(rows, func(row projection.Row) bool { return shardOf(q.Table, row) > 0 })
		})},
		{broken: "goes on with the next bucket", scenario: across, says: "rows of", adapter: going(func(q ports.RowQuery, rows []projection.Row, after int) []projection.Row {
			last := q.Table.BucketOf(rows[after])
			return slices.DeleteFunc(rows[after+1:], func(row projection.Row) bool { return q.Table.BucketOf(row) == last })
		})},
		{broken: "goes on with the beginning of the bucket", scenario: across, says: "rows of", adapter: going(func(q ports.RowQuery, rows []projection.Row, after int) []projection.Row {
			last := q.Table.BucketOf(rows[after])
			return rows[slices.IndexFunc(rows, func(row projection.Row) bool { return q.Table.BucketOf(row) == last }):]
		})},
		{broken: "goes on in the shard of the last row only", scenario: across, says: "rows of", adapter: going(func(q ports.RowQuery, rows []projection.Row, after int) []projection.Row {
			last, shard := q.Table.BucketOf(rows[after]), shardOf(q.Table, rows[after])
			return slices.DeleteFunc(rows[after+1:], func(row projection.Row) bool {
				return q.Table.BucketOf(row) == last && shardOf(q.Table, row) != shard
			})
		})},
		{broken: "leaves out what was created at the time of the last row", scenario: across, says: "rows of", adapter: going(func(_ ports.RowQuery, rows []projection.Row, after int) []projection.Row {
			return slices.DeleteFunc(rows[after+1:], func(row projection.Row) bool { return row[1] == rows[after][1] })
		})},
		{broken: "keeps cursors in memory, for one use", scenario: again, says: "bad cursor", adapter: breaks(func(s *memory.Store) brokenViews {
			used := map[ports.Cursor]bool{}
			return brokenViews{rows: func(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) {
				if used[q.After] && q.After != "" {
					return ports.RowPage{}, ports.ErrBadCursor
				}
				used[q.After] = true
				return s.Rows(ctx, q)
			}}
		})},
		{broken: "ends at an empty bucket", scenario: empty, says: "rows of", adapter: breaksBuckets(func(seen, present []string) []string {
			for i, bucket := range seen {
				if !slices.Contains(present, bucket) {
					return seen[:i]
				}
			}
			return seen
		})},
		{broken: "forgets a bucket for good", scenario: reused, says: "rows of", adapter: breaksBuckets(forgetting())},
		{broken: "reads a hundred buckets", scenario: many, says: "rows of", adapter: misleads(func(q ports.RowQuery, rows []projection.Row) []projection.Row {
			buckets := bucketsOf(q.Table, rows)
			buckets = buckets[:min(100, len(buckets))]
			return slices.DeleteFunc(rows, func(row projection.Row) bool { return !slices.Contains(buckets, q.Table.BucketOf(row)) })
		})},
		{broken: "counts rows", scenario: between, says: "rows of", adapter: misleads(func(_ ports.RowQuery, rows []projection.Row) []projection.Row { return rows })},
	}
}

// forgetting leaves out every bucket that was empty before.
func forgetting() func(seen, present []string) []string {
	forgotten := map[string]bool{}
	return func(seen, present []string) []string {
		for _, bucket := range seen {
			forgotten[bucket] = forgotten[bucket] || !slices.Contains(present, bucket)
		}
		return slices.DeleteFunc(slices.Clone(seen), func(bucket string) bool { return forgotten[bucket] })
	}
}

// breaksBuckets lets choose say which buckets a list of one key reads. seen are all that were ever
// used, in the order of the list, and present those that have rows.
func breaksBuckets(choose func(seen, present []string) []string) func(*memory.Store) ViewsHarness {
	return breaks(func(s *memory.Store) brokenViews {
		seen := map[string][]string{} // by table and key
		key := func(table *projection.Table, value any) string { return table.Name + " " + value.(string) }
		return brokenViews{
			apply: func(ctx context.Context, view ports.ViewID, change ports.Change) error {
				for _, row := range change.Put {
					name, bucket := key(change.Table, row[0]), change.Table.BucketOf(row)
					if !slices.Contains(seen[name], bucket) {
						seen[name] = append(seen[name], bucket)
					}
				}
				return s.Apply(ctx, view, change)
			},
			rows: func(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) {
				if len(q.Prefix) != 1 || q.Table.Bucket == 0 {
					return s.Rows(ctx, q)
				}
				all, err := s.Rows(ctx, ports.RowQuery{View: q.View, Table: q.Table, Prefix: q.Prefix, Limit: 1 << 20})
				if err != nil {
					return ports.RowPage{}, err
				}
				known := slices.Clone(seen[key(q.Table, q.Prefix[0])])
				slices.Sort(known)
				if !q.Table.OldestFirst() {
					slices.Reverse(known)
				}
				read := choose(known, bucketsOf(q.Table, all.Rows))
				rows, err := s.Rows(ctx, q)
				rows.Rows = slices.DeleteFunc(rows.Rows, func(row projection.Row) bool {
					return !slices.Contains(read, q.Table.BucketOf(row))
				})
				return rows, err
			},
		}
	})
}
