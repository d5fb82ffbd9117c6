package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// States implements [ports.BulkReader]. Ids in order cost the least.
func (s *Store) States(ctx context.Context, view ports.ViewID, aggregateIDs []uuid.UUID) ([]ports.ViewState, error) {
	states, err := s.states(ctx, view, aggregateIDs)
	if err != nil {
		return nil, fmt.Errorf("%d states of %s/%d: %w", len(aggregateIDs), view.Consumer, view.Generation, err)
	}
	return states, nil
}

func (s *Store) states(ctx context.Context, view ports.ViewID, aggregateIDs []uuid.UUID) ([]ports.ViewState, error) {
	if err := s.db.Enter(ctx); err != nil {
		return nil, err
	}
	defer s.db.Leave()
	keys, index := make([][]byte, len(aggregateIDs)), make(map[string]int, len(aggregateIDs))
	for i, id := range aggregateIDs {
		keys[i] = layout.StateKey(view, id)
		index[string(keys[i])] = i
	}
	states := make([]ports.ViewState, len(aggregateIDs))
	unread, err := s.db.Lookup(keys, func(key, value []byte) (err error) {
		states[index[string(key)]], err = layout.DecodeState(value)
		return err
	})
	if err == nil && len(unread) > 0 {
		err = engine.Corrupt(errors.New("a state cannot be read"))
	}
	return states, err
}

// LoadAll implements [ports.BulkReader]. Ids in order cost the least.
func (s *Store) LoadAll(ctx context.Context, from []ports.HistoryFrom) ([][]eventsourcing.Record, error) {
	return s.history.LoadAll(ctx, from)
}

// ListStates implements [ports.StateLister], in the order of the ids.
func (s *Store) ListStates(ctx context.Context, view ports.ViewID, after ports.Cursor, limit int) (ports.StatePage, error) {
	var page ports.StatePage
	prefix := layout.ViewPrefix(layout.SpaceState, view)
	listing := engine.Listing{Prefix: prefix, After: after, Limit: limit}
	next, err := s.db.List(ctx, listing, func(key, value []byte) (bool, error) {
		sequence, err := layout.DecodeStateSequence(value)
		if err != nil || len(key) != len(prefix)+len(uuid.UUID{}) {
			return false, nil // whoever needs the state reports it
		}
		page.States = append(page.States, ports.Reached{AggregateID: uuid.UUID(key[len(prefix):]), SequenceNumber: sequence})
		return true, nil
	})
	if err != nil {
		return ports.StatePage{}, fmt.Errorf("list the states of %s/%d: %w", view.Consumer, view.Generation, err)
	}
	page.Next = next
	return page, nil
}
