package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"orderflow/ports"
)

// longTable is one table of many rows. Every hundredth row is rare, and the last one only is last.
type longTable struct {
	rows  int
	reads int
}

func (l *longTable) Names() []string { return []string{"long"} }

func (l *longTable) Table(_ context.Context, _ string, after ports.Cursor, limit int) (ports.TablePage, error) {
	l.reads++
	page := ports.TablePage{Columns: []string{"number", "kind"}}
	begin, _ := strconv.Atoi(string(after))
	for n := begin; n < min(begin+limit, l.rows); n++ {
		kind := "usual"
		switch {
		case n == l.rows-1:
			kind = "last"
		case n%100 == 0:
			kind = "rare"
		}
		page.Rows = append(page.Rows, []string{strconv.Itoa(n), kind})
	}
	if end := begin + limit; end < l.rows {
		page.Next = ports.Cursor(strconv.Itoa(end))
	}
	return page, nil
}

// The pages of a filter have every row with the value once, no other row, and no more than the
// limit. The work for one page is bounded.
func TestTables_filter(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 3, 7, 200} {
		for kind, want := range map[string]int{"rare": 123, "last": 1, "usual": 12_301 - 124, "unknown": 0} {
			if kind == "usual" && limit < 200 {
				continue
			}
			t.Run(fmt.Sprintf("%d of %s", limit, kind), func(t *testing.T) {
				t.Parallel()
				table := &longTable{rows: 12_301}
				config := newShop().config()
				config.Tables = table
				handler := handlerOf(t, config)
				var numbers []string
				for cursor := ""; ; {
					before := table.reads
					answer := do(t, handler, get("/v1/tables/long?column=kind&value="+kind+"&limit="+strconv.Itoa(limit)+cursor))
					var page struct {
						Rows       [][]string `json:"rows"`
						Columns    []string   `json:"columns"`
						NextCursor string     `json:"next_cursor"`
					}
					if err := json.Unmarshal(answer.Body.Bytes(), &page); err != nil || answer.Code != http.StatusOK || len(page.Columns) != 2 {
						t.Fatalf("%d, %v: %s", answer.Code, err, answer.Body)
					}
					if len(page.Rows) > limit || table.reads-before > 21 {
						t.Fatalf("%d rows, limit %d, after %d reads", len(page.Rows), limit, table.reads-before)
					}
					for _, row := range page.Rows {
						if row[1] != kind {
							t.Fatalf("row %v", row)
						}
						numbers = append(numbers, row[0])
					}
					if page.NextCursor == "" {
						break
					}
					cursor = "&cursor=" + url.QueryEscape(page.NextCursor)
				}
				if len(slices.Compact(slices.Clone(numbers))) != want || len(numbers) != want {
					t.Errorf("%d rows, want %d", len(numbers), want)
				}
			})
		}
	}
}

func TestTables_filterProblems(t *testing.T) {
	t.Parallel()
	config := newShop().config()
	config.Tables = &longTable{rows: 5}
	handler := handlerOf(t, config)
	for query, field := range map[string]string{
		"column=colour&value=red": "column", "column=kind": "value", "value=rare": "column", "column=&value=rare": "column",
		"column=kind&value=" + strings.Repeat("x", 1001): "value",
	} {
		wantProblem(t, do(t, handler, get("/v1/tables/long?"+query)), http.StatusBadRequest, "invalid_parameter", field)
	}
}
