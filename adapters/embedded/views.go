package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"orderflow/domain/projection"
	"orderflow/ports"
)

// State implements [ports.ViewStore].
func (s *Store) State(ctx context.Context, view ports.ViewID, orderID uuid.UUID) (ports.ViewState, error) {
	state, err := s.state(ctx, stateKey(view, orderID))
	if err != nil {
		return ports.ViewState{}, fmt.Errorf("state of %s in %s/%d: %w", orderID, view.Consumer, view.Generation, err)
	}
	return state, nil
}

func (s *Store) state(ctx context.Context, key []byte) (ports.ViewState, error) {
	if err := s.enter(ctx); err != nil {
		return ports.ViewState{}, err
	}
	defer s.ops.Leave()
	return s.readState(key)
}

func (s *Store) readState(key []byte) (ports.ViewState, error) {
	value, err := s.get(key)
	if err != nil || value == nil {
		return ports.ViewState{}, translate(err)
	}
	state, err := decodeState(value)
	if err != nil {
		return ports.ViewState{}, corrupt(err)
	}
	return state, nil
}

// readSequence reads the sequence number of a state, and not what is kept with it.
func (s *Store) readSequence(key []byte) (uint64, error) {
	value, err := s.get(key)
	if err != nil || value == nil {
		return 0, translate(err)
	}
	d := decode(value, formatState)
	sequence := d.uvarint()
	if d.err != nil {
		return 0, corrupt(fmt.Errorf("state: %w", d.err))
	}
	return sequence, nil
}

// Apply implements [ports.ViewStore]. Rows and states of all changes are one atomic write, which is not synced.
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

// applyChanges applies the changes whose stored sequence numbers are ones that they may take the place of.
func (s *Store) applyChanges(
	ctx context.Context, view ports.ViewID, changes []ports.Change, may func(change *ports.Change, now uint64) (bool, error),
) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.ops.Leave()
	batch := s.db.NewBatch()
	for i := range changes {
		if err := s.addChange(batch, view, &changes[i], may); err != nil {
			change := &changes[i]
			return errors.Join(fmt.Errorf("%s at %d: %w", change.AggregateID, change.State.SequenceNumber, err), batch.Close())
		}
	}
	if batch.Empty() {
		return batch.Close()
	}
	return s.write(batch)
}

// addChange adds a change to a batch, if it may be applied.
func (s *Store) addChange(
	batch *pebble.Batch, view ports.ViewID, change *ports.Change, may func(change *ports.Change, now uint64) (bool, error),
) error {
	key := stateKey(view, change.AggregateID)
	now, err := s.readSequence(key)
	if errors.Is(err, ports.ErrCorrupt) {
		s.note("state of "+change.AggregateID.String(), key, err, "it is written anew")
		now, err = 0, nil
	}
	if err != nil {
		return err
	}
	if ok, err := may(change, now); !ok {
		return err
	}
	if err := putRows(batch, view, *change); err != nil {
		return err
	}
	if change.State.SequenceNumber == 0 {
		_ = batch.Delete(key, nil) // it fails for a batch with an index only
	} else {
		put(batch, key, encodeState(change.State))
	}
	return nil
}

// DropView implements [ports.ViewDropper]: two range deletions, whatever the size of the view. Rows of all tables go, so it does
// not matter which one the view had. Pebble gives the space back little by little.
func (s *Store) DropView(ctx context.Context, view ports.ViewID, _ *projection.Table) error {
	if err := s.dropView(ctx, view); err != nil {
		return fmt.Errorf("drop %s/%d: %w", view.Consumer, view.Generation, err)
	}
	return nil
}

func (s *Store) dropView(ctx context.Context, view ports.ViewID) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.ops.Leave()
	batch := s.db.NewBatch()
	for _, space := range []byte{spaceState, spaceRow} {
		prefix := viewKey(space, view)
		_ = batch.DeleteRange(prefix, prefixEnd(prefix), nil) // it fails for a batch with an index only
	}
	return s.writeSmall(batch)
}

// putRows adds the rows of a change to a batch.
func putRows(batch *pebble.Batch, view ports.ViewID, change ports.Change) error {
	if change.Table == nil {
		if n := len(change.Put) + len(change.Delete); n > 0 {
			return fmt.Errorf("%d rows without a table", n)
		}
		return nil
	}
	for _, row := range change.Delete {
		key, err := checkedKey(view, change.Table, row)
		if err != nil {
			return err
		}
		_ = batch.Delete(key, nil) // it fails for a batch with an index only
	}
	for _, row := range change.Put {
		key, err := checkedKey(view, change.Table, row)
		if err != nil {
			return err
		}
		value, err := encodeRow(change.Table, row)
		if err != nil {
			return err
		}
		put(batch, key, value)
	}
	return nil
}

func checkedKey(view ports.ViewID, table *projection.Table, row projection.Row) ([]byte, error) {
	if err := table.CheckRow(row); err != nil {
		return nil, err
	}
	return rowKey(view, table, table.Key(row))
}

// Rows implements [ports.ViewReader]. A page is read from one consistent state of the view.
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
	prefix, err := rowKey(q.View, q.Table, q.Prefix)
	if err != nil {
		return ports.RowPage{}, err
	}
	whole, err := rowKey(q.View, q.Table, nil)
	if err != nil {
		return ports.RowPage{}, err
	}
	var page ports.RowPage
	page.Next, err = s.list(ctx, listing{prefix: prefix, after: q.After, limit: q.Limit}, func(key, value []byte) (bool, error) {
		row, err := decodeRow(q.Table, key[len(whole):], value)
		if err != nil && len(q.Prefix) == q.Table.KeyLen() {
			return false, corrupt(err)
		}
		if err != nil {
			s.note("row of "+q.Table.Name, key, err, "lists go on without it; verify finds it missing, and its repair writes it anew")
			return false, nil
		}
		page.Rows = append(page.Rows, row)
		return true, nil
	})
	return page, err
}

// checkPrefix refuses a query that no table of another store could answer.
func checkPrefix(q ports.RowQuery) error {
	least := 0
	for _, c := range q.Table.Columns {
		if c.Role == projection.Partition {
			least++
		}
	}
	if n := len(q.Prefix); n != 0 && (n < least || n > q.Table.KeyLen()) {
		return fmt.Errorf("a prefix of %d columns, where %d to %d can be given, or none", n, least, q.Table.KeyLen())
	}
	return nil
}
