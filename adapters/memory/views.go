package memory

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// view is one generation of what one consumer keeps.
type view struct {
	states map[uuid.UUID]ports.ViewState
	tables map[string]map[string]projection.Row // by name of the table and rowKey
}

// State implements [ports.ViewStore].
func (s *Store) State(ctx context.Context, id ports.ViewID, orderID uuid.UUID) (ports.ViewState, error) {
	if err := s.enter(ctx); err != nil {
		return ports.ViewState{}, fmt.Errorf("state of %s in %s/%d: %w", orderID, id.Consumer, id.Generation, err)
	}
	defer s.mu.Unlock()
	return cloneState(s.view(id).states[orderID]), nil
}

// Apply implements [ports.ViewStore].
func (s *Store) Apply(ctx context.Context, id ports.ViewID, changes ...ports.Change) error {
	for _, change := range changes {
		newer := func(now uint64) (bool, error) { return change.State.SequenceNumber > now, nil }
		if err := s.apply(ctx, id, change, newer); err != nil {
			return fmt.Errorf("apply %s at %d to %s/%d: %w",
				change.AggregateID, change.State.SequenceNumber, id.Consumer, id.Generation, err)
		}
	}
	return nil
}

// Replace implements [ports.ViewRepairer].
func (s *Store) Replace(ctx context.Context, id ports.ViewID, change ports.Change, seen uint64) error {
	err := s.apply(ctx, id, change, func(now uint64) (bool, error) {
		if now != seen {
			return false, fmt.Errorf("%w: the view is at %d, not %d", ports.ErrVersionConflict, now, seen)
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("replace %s at %d in %s/%d: %w",
			change.AggregateID, change.State.SequenceNumber, id.Consumer, id.Generation, err)
	}
	return nil
}

// apply applies a change if may accepts the stored sequence number.
func (s *Store) apply(ctx context.Context, id ports.ViewID, change ports.Change, may func(now uint64) (bool, error)) error {
	gone, err := keyed(change.Table, change.Delete)
	if err != nil {
		return err
	}
	put, err := keyed(change.Table, change.Put)
	if err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	view := s.view(id)
	if ok, err := may(view.states[change.AggregateID].SequenceNumber); !ok {
		return err
	}
	if change.State.SequenceNumber == 0 {
		delete(view.states, change.AggregateID)
	} else {
		view.states[change.AggregateID] = cloneState(change.State)
	}
	if change.Table == nil {
		return nil
	}
	rows := view.tables[change.Table.Name]
	if rows == nil {
		rows = map[string]projection.Row{}
		view.tables[change.Table.Name] = rows
	}
	for key := range gone {
		delete(rows, key)
	}
	maps.Copy(rows, put)
	return nil
}

// HasStates implements [ports.ViewChecker].
func (s *Store) HasStates(ctx context.Context, id ports.ViewID) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, fmt.Errorf("states of %s/%d: %w", id.Consumer, id.Generation, err)
	}
	defer s.mu.Unlock()
	return len(s.view(id).states) > 0, nil
}

// DropView implements [ports.ViewDropper].
func (s *Store) DropView(ctx context.Context, id ports.ViewID, _ *projection.Table) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("drop %s/%d: %w", id.Consumer, id.Generation, err)
	}
	defer s.mu.Unlock()
	delete(s.data.views, id)
	return nil
}

// keyed copies rows and returns the copies by their keys.
func keyed(table *projection.Table, rows []projection.Row) (map[string]projection.Row, error) {
	if table == nil && len(rows) > 0 {
		return nil, fmt.Errorf("%d rows without a table", len(rows))
	}
	byKey := make(map[string]projection.Row, len(rows))
	for _, row := range rows {
		if err := table.CheckRow(row); err != nil {
			return nil, err
		}
		key, err := rowKey(table, table.Key(row))
		if err != nil {
			return nil, err
		}
		byKey[key] = slices.Clone(row)
	}
	return byKey, nil
}

// Rows implements [ports.ViewReader].
func (s *Store) Rows(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) {
	page, err := s.rows(ctx, q)
	if err != nil {
		return ports.RowPage{}, fmt.Errorf("rows of %s in %s/%d: %w", q.Table.Name, q.View.Consumer, q.View.Generation, err)
	}
	return page, nil
}

func (s *Store) rows(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) {
	prefix, err := prefixOf(q)
	if err != nil {
		return ports.RowPage{}, err
	}
	listing := fmt.Sprintf("rows %q %d %q %x", q.View.Consumer, q.View.Generation, q.Table.Name, prefix)
	after, err := portkit.PlaceOf(listing, q.After)
	if err != nil {
		return ports.RowPage{}, err
	}
	if err := s.enter(ctx); err != nil {
		return ports.RowPage{}, err
	}
	defer s.mu.Unlock()

	rows := s.view(q.View).tables[q.Table.Name]
	var keys []string
	for key := range rows {
		if strings.HasPrefix(key, prefix) && key > after {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var page ports.RowPage
	if len(keys) > q.Limit {
		keys = keys[:q.Limit]
		page.Next = portkit.CursorAt(listing, keys[q.Limit-1])
	}
	for _, key := range keys {
		page.Rows = append(page.Rows, slices.Clone(rows[key]))
	}
	return page, nil
}

// prefixOf returns the common prefix of the keys of the rows that q selects.
func prefixOf(q ports.RowQuery) (string, error) {
	if err := portkit.CheckLimit(q.Limit); err != nil {
		return "", err
	}
	given := q.Table.PartitionLen()
	if n := len(q.Prefix); n != 0 && (n < given || n > q.Table.KeyLen()) {
		return "", fmt.Errorf("a prefix of %d columns, where %d to %d can be given, or none", n, given, q.Table.KeyLen())
	}
	return rowKey(q.Table, q.Prefix)
}

// view returns the view with that id, and creates it at the first use. The caller holds mu.
func (s *Store) view(id ports.ViewID) *view {
	v := s.data.views[id]
	if v == nil {
		v = &view{states: map[uuid.UUID]ports.ViewState{}, tables: map[string]map[string]projection.Row{}}
		s.data.views[id] = v
	}
	return v
}

func cloneState(state ports.ViewState) ports.ViewState {
	state.Data = bytes.Clone(state.Data)
	return state
}
