package query

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// MaxLimit is the highest number of rows in a page. A greater limit gets a page of this size, and a
// limit below 1 gets one row. So no caller can ask for unbounded memory.
const MaxLimit = 1_000

func bounded(limit int) int { return min(max(limit, 1), MaxLimit) }

// Lists implements ports.ViewLists.
type Lists struct {
	views       ports.ViewReader
	states      States
	live        ports.LiveViews
	projections map[string]*projection.Projection // by table
}

var _ ports.ViewLists = (*Lists)(nil)

// NewLists returns a Lists of those projections whose table can be listed by one text. Such a table
// has one partition column, of kind text. Other projections are no error; Lists ignores them.
func NewLists(views ports.ViewReader, states States, live ports.LiveViews, projections []*projection.Projection) *Lists {
	l := &Lists{views: views, states: states, live: live, projections: make(map[string]*projection.Projection)}
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

// States says how far a view is with an aggregate.
type States interface {
	State(ctx context.Context, view ports.ViewID, aggregateID uuid.UUID) (ports.ViewState, error)
}

// Await waits until a table has the effect of an event, see ports.ViewLists. It reads the state at
// least once, and once more when the time is over.
func (l *Lists) Await(ctx context.Context, table string, aggregateID uuid.UUID, sequence uint64, wait time.Duration) error {
	p, ok := l.projections[table]
	if !ok {
		return fmt.Errorf("list %s: %w", table, ports.ErrNotFound)
	}
	deadline := time.Now().Add(wait)
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		state, err := l.states.State(ctx, l.live.LiveView(p.Name), aggregateID)
		if err != nil {
			return fmt.Errorf("list %s: %w", table, err)
		}
		left := time.Until(deadline)
		switch {
		case state.SequenceNumber >= sequence:
			return nil
		case left <= 0:
			return fmt.Errorf("list %s: aggregate %s is at sequence number %d there, not yet at %d: %w",
				table, aggregateID, state.SequenceNumber, sequence, ports.ErrUnavailable)
		}
		if err := portkit.Sleep(ctx, min(pause, left)); err != nil {
			return fmt.Errorf("list %s: %w", table, err)
		}
	}
}

// List returns a page of the rows under key, see ports.ViewLists.
func (l *Lists) List(ctx context.Context, table, key string, after ports.Cursor, limit int) (ports.RowPage, error) {
	p, ok := l.projections[table]
	if !ok {
		return ports.RowPage{}, fmt.Errorf("list %s: %w", table, ports.ErrNotFound)
	}
	view := l.live.LiveView(p.Name)
	page, err := l.views.Rows(ctx, ports.RowQuery{
		View: view, Table: p.TableOf(l.live.VersionOf(view)), Prefix: []any{key}, After: after, Limit: bounded(limit),
	})
	if err != nil {
		return ports.RowPage{}, fmt.Errorf("list %s: %w", table, err)
	}
	return page, nil
}
