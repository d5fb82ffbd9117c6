package query

import (
	"context"
	"fmt"

	"orderflow/domain/projection"
	"orderflow/ports"
)

// MaxLimit is the most rows that one page holds. A greater limit gets a page of this size, and one below 1 gets one row, so
// that no caller can ask for unbounded memory.
const MaxLimit = 1_000

func bounded(limit int) int { return min(max(limit, 1), MaxLimit) }

// Lists implements ports.OrderLists.
type Lists struct {
	views       ports.ViewReader
	live        ports.LiveViews
	projections map[string]*projection.Projection // by table
}

var _ ports.OrderLists = (*Lists)(nil)

// NewLists returns a Lists of those projections whose table can be listed by one text: it has one partition column, of text,
// besides a bucket. The others are not an error, they are just no lists.
func NewLists(views ports.ViewReader, live ports.LiveViews, projections []*projection.Projection) *Lists {
	l := &Lists{views: views, live: live, projections: make(map[string]*projection.Projection)}
	for _, p := range projections {
		if listable(p.Table) {
			l.projections[p.Table.Name] = p
		}
	}
	return l
}

func listable(t *projection.Table) bool {
	first := t.Columns[0]
	return first.Role == projection.Partition && first.Kind == projection.Text &&
		(len(t.Columns) == 1 || t.Columns[1].Role != projection.Partition)
}

// List returns a page of the rows under key, see ports.OrderLists.
func (l *Lists) List(ctx context.Context, table, key string, after ports.Cursor, limit int) (ports.RowPage, error) {
	p, ok := l.projections[table]
	if !ok {
		return ports.RowPage{}, fmt.Errorf("list %s: %w", table, ports.ErrNotFound)
	}
	page, err := l.views.Rows(ctx, ports.RowQuery{
		View: l.live.LiveView(p.Name), Table: p.Table, Prefix: []any{key}, After: after, Limit: bounded(limit),
	})
	if err != nil {
		return ports.RowPage{}, fmt.Errorf("list %s: %w", table, err)
	}
	return page, nil
}
