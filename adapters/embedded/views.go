package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// State implements [ports.ViewStore].
func (s *Store) State(ctx context.Context, view ports.ViewID, aggregateID uuid.UUID) (ports.ViewState, error) {
	state, err := s.state(ctx, view, aggregateID)
	if err != nil {
		return ports.ViewState{}, fmt.Errorf("state of %s in %s/%d: %w", aggregateID, view.Consumer, view.Generation, err)
	}
	return state, nil
}

func (s *Store) state(ctx context.Context, view ports.ViewID, aggregateID uuid.UUID) (ports.ViewState, error) {
	if err := s.db.Enter(ctx); err != nil {
		return ports.ViewState{}, err
	}
	defer s.db.Leave()
	if s.sequences.none(view, aggregateID) {
		return ports.ViewState{}, nil
	}
	state, err := s.readState(layout.StateKey(view, aggregateID))
	if errors.Is(err, ports.ErrCorrupt) {
		s.sequences.take(view, aggregateID) // the next change replaces it, whatever its number is
	}
	return state, err
}

func (s *Store) readState(key []byte) (ports.ViewState, error) {
	value, err := s.db.Get(key)
	if err != nil || value == nil {
		return ports.ViewState{}, err
	}
	state, err := layout.DecodeState(value)
	if err != nil {
		return ports.ViewState{}, engine.Corrupt(err)
	}
	return state, nil
}

// Apply implements [ports.ViewStore]. All changes are one atomic write without an fsync.
func (s *Store) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	newer := func(change *ports.Change, now uint64) (bool, error) { return change.State.SequenceNumber > now, nil }
	if err := s.applyChanges(ctx, view, changes, newer); err != nil {
		return fmt.Errorf("apply %d changes to %s/%d: %w", len(changes), view.Consumer, view.Generation, err)
	}
	return nil
}

// Replace implements [ports.ViewRepairer].
func (s *Store) Replace(ctx context.Context, view ports.ViewID, change ports.Change, seen uint64) error {
	err := s.applyChanges(ctx, view, []ports.Change{change}, func(_ *ports.Change, now uint64) (bool, error) {
		if now != seen {
			return false, fmt.Errorf("%w: the view is at %d, not %d", ports.ErrVersionConflict, now, seen)
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("replace in %s/%d: %w", view.Consumer, view.Generation, err)
	}
	return nil
}

// applyChanges applies the changes that may replace what is stored. may gets the stored sequence
// number.
func (s *Store) applyChanges(
	ctx context.Context, view ports.ViewID, changes []ports.Change, may func(change *ports.Change, now uint64) (bool, error),
) error {
	if err := s.db.Enter(ctx); err != nil {
		return err
	}
	defer s.db.Leave()
	at, err := s.sequencesOf(view, changes)
	if err != nil {
		return err
	}
	writes := s.writes.take(view)
	defer s.writes.put(writes)
	for i := range changes {
		if err := addChange(writes, &changes[i], &at[i], may); err != nil {
			return fmt.Errorf("%s at %d: %w", changes[i].AggregateID, changes[i].State.SequenceNumber, err)
		}
	}
	if len(writes.each) == 0 {
		return nil
	}
	batch := s.db.NewBatch()
	writes.fill(batch)
	if err := s.db.Write(batch); err != nil {
		return err
	}
	for i := range changes {
		s.sequences.put(view, changes[i].AggregateID, at[i])
	}
	return nil
}

// sequencesOf returns the sequence numbers of the states that changes are about. It takes them out
// of memory, and looks up together what is not there.
func (s *Store) sequencesOf(view ports.ViewID, changes []ports.Change) ([]uint64, error) {
	at := make([]uint64, len(changes))
	var unknown [][]byte
	var index map[string]int
	for i := range changes {
		var known bool
		if at[i], known = s.sequences.take(view, changes[i].AggregateID); known {
			continue
		}
		if index == nil {
			index = make(map[string]int, len(changes)-i)
		}
		key := layout.StateKey(view, changes[i].AggregateID)
		unknown, index[string(key)] = append(unknown, key), i
	}
	unread, err := s.db.Lookup(unknown, func(key, value []byte) (err error) {
		at[index[string(key)]], err = layout.DecodeStateSequence(value)
		return err
	})
	for _, key := range unread {
		i := index[string(key)]
		s.db.Damaged("state of "+changes[i].AggregateID.String(), key, ports.ErrCorrupt, "it is replaced")
		at[i] = 0
	}
	return at, err
}

// addChange adds a change to writes, if it may be applied. at is the sequence number of the state
// before them, and then after them.
func addChange(
	writes *writes, change *ports.Change, at *uint64, may func(change *ports.Change, now uint64) (bool, error),
) error {
	if ok, err := may(change, *at); !ok {
		return err
	}
	if n := len(change.Put) + len(change.Delete); n > 0 && change.Table == nil {
		return fmt.Errorf("%d rows without a table", n)
	}
	if err := writes.addRows(change); err != nil {
		return err
	}
	writes.addState(change)
	*at = change.State.SequenceNumber
	return nil
}

// HasStates implements [ports.ViewChecker].
func (s *Store) HasStates(ctx context.Context, view ports.ViewID) (bool, error) {
	has, err := s.hasStates(ctx, view)
	if err != nil {
		return false, fmt.Errorf("states of %s/%d: %w", view.Consumer, view.Generation, err)
	}
	return has, nil
}

func (s *Store) hasStates(ctx context.Context, view ports.ViewID) (bool, error) {
	if err := s.db.Enter(ctx); err != nil {
		return false, err
	}
	defer s.db.Leave()
	it, err := s.db.Prefix(layout.ViewPrefix(layout.SpaceState, view))
	if err != nil {
		return false, err
	}
	has := it.First()
	return has, engine.Translate(it.Close())
}

// DropView implements [ports.ViewDropper] with two range deletions, whatever the size of the view.
// They cover all tables, so it does not matter which one the view had. Pebble frees the space in
// the background.
func (s *Store) DropView(ctx context.Context, view ports.ViewID, _ *projection.Table) error {
	if err := s.dropView(ctx, view); err != nil {
		return fmt.Errorf("drop %s/%d: %w", view.Consumer, view.Generation, err)
	}
	return nil
}

func (s *Store) dropView(ctx context.Context, view ports.ViewID) error {
	if err := s.db.Enter(ctx); err != nil {
		return err
	}
	defer s.db.Leave()
	batch := s.db.NewBatch()
	for _, space := range []byte{layout.SpaceState, layout.SpaceRow} {
		prefix := layout.ViewPrefix(space, view)
		engine.DeleteRange(batch, prefix, layout.PrefixEnd(prefix))
	}
	s.sequences.clear()
	return s.db.WriteSmall(batch)
}

// Rows implements [ports.ViewReader]. A page shows one consistent state of the view. A row that
// cannot be read is left out of a list, and is a ports.ErrCorrupt where it alone is asked for.
func (s *Store) Rows(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) {
	page, err := s.rows(ctx, q)
	if err != nil {
		return ports.RowPage{}, fmt.Errorf("rows of %s in %s/%d: %w", q.Table.Name, q.View.Consumer, q.View.Generation, err)
	}
	return page, nil
}

func (s *Store) rows(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) {
	if err := checkPrefix(q); err != nil {
		return ports.RowPage{}, err
	}
	prefix, err := layout.RowKey(q.View, q.Table, q.Prefix)
	if err != nil {
		return ports.RowPage{}, err
	}
	whole, err := layout.RowKey(q.View, q.Table, nil)
	if err != nil {
		return ports.RowPage{}, err
	}
	var page ports.RowPage
	listing := engine.Listing{Prefix: prefix, After: q.After, Limit: q.Limit}
	page.Next, err = s.db.List(ctx, listing, func(key, value []byte) (bool, error) {
		row, err := layout.DecodeRow(q.Table, key[len(whole):], value)
		if err != nil && len(q.Prefix) == q.Table.KeyLen() {
			return false, engine.Corrupt(err)
		}
		if err != nil {
			s.db.Damaged("row of "+q.Table.Name, key, err,
				"lists leave it out; verify finds that it is missing, and verify --repair replaces it")
			return false, nil
		}
		page.Rows = append(page.Rows, row)
		return true, nil
	})
	return page, err
}

// checkPrefix refuses a query that no table of another store could answer.
func checkPrefix(q ports.RowQuery) error {
	least := q.Table.PartitionLen()
	if n := len(q.Prefix); n != 0 && (n < least || n > q.Table.KeyLen()) {
		return fmt.Errorf("a prefix of %d columns, where %d to %d can be given, or none", n, least, q.Table.KeyLen())
	}
	return nil
}
