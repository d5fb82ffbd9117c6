package porttest

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderflow/adapters/memory"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// reads breaks Rows.
func reads(broken func(ctx context.Context, s *memory.Store, q ports.RowQuery) (ports.RowPage, error)) func(*memory.Store) ViewsHarness {
	return breaks(func(s *memory.Store) brokenViews {
		return brokenViews{rows: func(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) { return broken(ctx, s, q) }}
	})
}

// finds reads the whole table, lets find change the rows, and returns pages with cursors that count
// rows.
func finds(find func(q ports.RowQuery, all []projection.Row) []projection.Row) func(*memory.Store) ViewsHarness {
	return reads(func(ctx context.Context, s *memory.Store, q ports.RowQuery) (ports.RowPage, error) {
		all, err := s.Rows(ctx, ports.RowQuery{View: q.View, Table: q.Table, Limit: 1 << 20})
		if err != nil {
			return ports.RowPage{}, err
		}
		rows := find(q, all.Rows)
		start, _ := strconv.Atoi(string(q.After))
		start = min(start, len(rows))
		end := min(start+q.Limit, len(rows))
		page := ports.RowPage{Rows: rows[start:end]}
		if end < len(rows) {
			page.Next = ports.Cursor(strconv.Itoa(end))
		}
		return page, nil
	})
}

// matching returns the rows whose first columns are equal to the prefix of q.
func matching(q ports.RowQuery, rows []projection.Row, equal func(column int, a, b any) bool) []projection.Row {
	return slices.DeleteFunc(rows, func(row projection.Row) bool {
		for i, value := range q.Prefix {
			if !equal(i, row[i], value) {
				return true
			}
		}
		return false
	})
}

func exactly(_ int, a, b any) bool { return projection.SameRow(projection.Row{a}, projection.Row{b}) }

// sorts returns rows in a wrong order.
func sorts(spoil func(*projection.Column)) func(*memory.Store) ViewsHarness {
	return finds(func(q ports.RowQuery, all []projection.Row) []projection.Row {
		table := projection.Table{Name: q.Table.Name, Columns: slices.Clone(q.Table.Columns)}
		for i := range table.Columns {
			spoil(&table.Columns[i])
		}
		return inKeyOrder(&table, matching(q, all, exactly))
	})
}

// values changes every value of a row that is read.
func values(spoil func(any) any) func(*memory.Store) ViewsHarness {
	return reads(func(ctx context.Context, s *memory.Store, q ports.RowQuery) (ports.RowPage, error) {
		page, err := s.Rows(ctx, q)
		for _, row := range page.Rows {
			for i := range row {
				row[i] = spoil(row[i])
			}
		}
		return page, err
	})
}

func proofsOfRows() []proof[ViewsHarness] {
	return slices.Concat(proofsOfKinds(), proofsOfOrder(), proofsOfPages(), proofsOfSpreads())
}

func proofsOfKinds() []proof[ViewsHarness] {
	const kinds = "every kind of value comes back"
	return []proof[ViewsHarness]{
		{broken: "takes no time for 1970", scenario: kinds, says: "rows of", adapter: values(func(v any) any {
			if at, ok := v.(time.Time); ok && at.IsZero() {
				return time.Unix(0, 0).UTC()
			}
			return v
		})},
		{broken: "counts in floating point", scenario: kinds, says: "rows of", adapter: values(func(v any) any {
			if n, ok := v.(int64); ok && n != 1 {
				return int64(float32(n))
			}
			return v
		})},
		{broken: "returns int instead of int64", scenario: kinds, says: "rows of", adapter: values(func(v any) any {
			if n, ok := v.(int64); ok {
				return int(n)
			}
			return v
		})},
		{broken: "returns local times", scenario: kinds, says: "time.Time", adapter: values(func(v any) any {
			if at, ok := v.(time.Time); ok {
				return at.In(time.FixedZone("here", 7200))
			}
			return v
		})},
		{broken: "keeps ASCII only", scenario: kinds, says: "rows of", adapter: values(func(v any) any {
			if text, ok := v.(string); ok {
				return strings.ToValidUTF8(strings.Map(func(r rune) rune { return min(r, 127) }, text), "")
			}
			return v
		})},
		{broken: "cuts text at a zero byte", scenario: kinds, says: "rows of", adapter: values(func(v any) any {
			if text, ok := v.(string); ok {
				text, _, _ = strings.Cut(text, "\x00")
				return text
			}
			return v
		})},
	}
}

func proofsOfOrder() []proof[ViewsHarness] {
	const (
		order      = "every query finds its rows, in key order"
		neighbours = "a prefix finds no neighbours"
		anyText    = "text of any bytes is kept apart"
	)
	asText := func(equal func(a, b string) bool) func(*memory.Store) ViewsHarness {
		return finds(func(q ports.RowQuery, all []projection.Row) []projection.Row {
			return matching(q, all, func(i int, a, b any) bool {
				text, ok := a.(string)
				if !ok {
					return exactly(i, a, b)
				}
				return equal(text, b.(string))
			})
		})
	}
	return []proof[ViewsHarness]{
		{broken: "ignores descending", scenario: order, says: "rows of", adapter: sorts(func(c *projection.Column) { c.Descending = false })},
		{broken: "sorts numbers without their sign", scenario: order, says: "rows of", adapter: finds(func(q ports.RowQuery, all []projection.Row) []projection.Row {
			rows := matching(q, all, exactly)
			slices.SortStableFunc(rows, func(a, b projection.Row) int {
				for i := range q.Table.KeyLen() {
					if x, ok := a[i].(int64); ok && (x < 0) != (b[i].(int64) < 0) {
						return compareKeys(q.Table, b, a)
					}
				}
				return 0
			})
			return rows
		})},
		{broken: "looks at the partition only", scenario: order, says: "rows of", adapter: finds(func(q ports.RowQuery, all []projection.Row) []projection.Row {
			q.Prefix = q.Prefix[:min(2, len(q.Prefix))]
			return matching(q, all, exactly)
		})},
		{broken: "ignores the second partition column", scenario: order, says: "rows of", adapter: finds(func(q ports.RowQuery, all []projection.Row) []projection.Row {
			return matching(q, all, func(i int, a, b any) bool { return i == 1 || exactly(i, a, b) })
		})},
		{broken: "takes a beginning for a match", scenario: neighbours, says: "rows of", adapter: asText(strings.HasPrefix)},
		{broken: "ignores case", scenario: neighbours, says: "rows of", adapter: asText(strings.EqualFold)},
		{
			broken: "trims blanks", scenario: neighbours, says: "rows of",
			adapter: asText(func(a, b string) bool { return strings.TrimSpace(a) == strings.TrimSpace(b) }),
		},
		{broken: "writes the columns of a key one after another", scenario: neighbours, says: "rows of", adapter: joinsColumns},
		{broken: "ends text at a zero byte", scenario: anyText, says: "rows of", adapter: asText(func(a, b string) bool {
			a, _, _ = strings.Cut(a, "\x00")
			b, _, _ = strings.Cut(b, "\x00")
			return a == b
		})},
		{broken: "repairs text", scenario: anyText, says: "rows of", adapter: asText(func(a, b string) bool {
			return strings.ToValidUTF8(a, "?") == strings.ToValidUTF8(b, "?")
		})},
		{broken: "uses a separator", scenario: anyText, says: "rows of", adapter: asText(func(a, b string) bool {
			return strings.HasPrefix(a+"|", b+"|")
		})},
	}
}

// joinsColumns compares a text and the number after it without a separator.
var joinsColumns = finds(func(q ports.RowQuery, all []projection.Row) []projection.Row {
	joined := func(values []any) string {
		var b strings.Builder
		for _, v := range values[:2] {
			switch v := v.(type) {
			case string:
				b.WriteString(v)
			case int64:
				b.WriteString(strconv.FormatInt(v, 10))
			}
		}
		return b.String()
	}
	return slices.DeleteFunc(all, func(row projection.Row) bool {
		return len(q.Prefix) >= 2 && (joined(row) != joined(q.Prefix) || !projection.SameRow(row[2:len(q.Prefix)], q.Prefix[2:]))
	})
})

func proofsOfPages() []proof[ViewsHarness] {
	const (
		pages   = "pages give every row once"
		deleted = "a cursor goes on where its row was deleted"
		bad     = "a bad cursor is refused"
	)
	counting := finds(func(q ports.RowQuery, all []projection.Row) []projection.Row { return matching(q, all, exactly) })
	limits := func(limit func(int) int) func(*memory.Store) ViewsHarness {
		return reads(func(ctx context.Context, s *memory.Store, q ports.RowQuery) (ports.RowPage, error) {
			q.Limit = limit(q.Limit)
			return s.Rows(ctx, q)
		})
	}
	return []proof[ViewsHarness]{
		{broken: "returns one row too many", scenario: pages, says: "where the limit is", adapter: limits(func(n int) int { return n + 1 })},
		{
			broken: "skips a row at the end of a page", scenario: pages, says: "rows of",
			adapter: reads(func(ctx context.Context, s *memory.Store, q ports.RowQuery) (ports.RowPage, error) {
				asked := q.Limit
				q.Limit++
				page, err := s.Rows(ctx, q)
				page.Rows = page.Rows[:min(asked, len(page.Rows))]
				return page, err
			}),
		},
		{
			broken: "repeats a row at the end of a page", scenario: pages, says: "rows of",
			adapter: finds(func(q ports.RowQuery, all []projection.Row) []projection.Row {
				rows := matching(q, all, exactly)
				if len(rows) > q.Limit {
					rows = slices.Insert(rows, q.Limit, rows[q.Limit-1])
				}
				return rows
			}),
		},
		{
			broken: "has no end", scenario: pages, says: "a listing has no end",
			adapter: reads(func(ctx context.Context, s *memory.Store, q ports.RowQuery) (ports.RowPage, error) {
				page, err := s.Rows(ctx, ports.RowQuery{View: q.View, Table: q.Table, Prefix: q.Prefix, Limit: q.Limit})
				page.Next = "again"
				return page, err
			}),
		},
		{
			broken: "ends after the first page", scenario: pages, says: "rows of",
			adapter: reads(func(ctx context.Context, s *memory.Store, q ports.RowQuery) (ports.RowPage, error) {
				page, err := s.Rows(ctx, q)
				page.Next = ""
				return page, err
			}),
		},
		{broken: "counts rows", scenario: deleted, says: "rows of", adapter: counting},
		{broken: "takes a bad cursor for the beginning", scenario: bad, says: "error <nil>, want bad cursor", adapter: counting},
		{
			broken: "accepts the cursors of other queries", scenario: bad, says: "error <nil>, want bad cursor",
			adapter: reads(func(ctx context.Context, s *memory.Store, q ports.RowQuery) (ports.RowPage, error) {
				if q.After != "" && len(q.After) < 20 { // not one of ours
					return ports.RowPage{}, ports.ErrBadCursor
				}
				q.After = ""
				return s.Rows(ctx, q)
			}),
		},
	}
}
