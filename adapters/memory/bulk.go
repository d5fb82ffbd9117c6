package memory

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// States implements [ports.BulkReader].
func (s *Store) States(ctx context.Context, id ports.ViewID, aggregateIDs []uuid.UUID) ([]ports.ViewState, error) {
	if err := s.enter(ctx); err != nil {
		return nil, fmt.Errorf("%d states of %s/%d: %w", len(aggregateIDs), id.Consumer, id.Generation, err)
	}
	defer s.mu.Unlock()
	states := make([]ports.ViewState, len(aggregateIDs))
	for i, aggregateID := range aggregateIDs {
		states[i] = cloneState(s.view(id).states[aggregateID])
	}
	return states, nil
}

// LoadAll implements [ports.BulkReader].
func (s *Store) LoadAll(ctx context.Context, from []ports.HistoryFrom) ([][]eventsourcing.Record, error) {
	all := make([][]eventsourcing.Record, len(from))
	for i, f := range from {
		var err error
		if all[i], err = s.Load(ctx, f.AggregateID, f.After); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ListStates implements [ports.StateLister], in the order of the ids.
func (s *Store) ListStates(ctx context.Context, id ports.ViewID, after ports.Cursor, limit int) (ports.StatePage, error) {
	page, err := s.listStates(ctx, id, after, limit)
	if err != nil {
		return ports.StatePage{}, fmt.Errorf("list the states of %s/%d: %w", id.Consumer, id.Generation, err)
	}
	return page, nil
}

func (s *Store) listStates(ctx context.Context, id ports.ViewID, after ports.Cursor, limit int) (page ports.StatePage, err error) {
	if err := portkit.CheckLimit(limit); err != nil {
		return page, err
	}
	listing := fmt.Sprintf("states %q %d", id.Consumer, id.Generation)
	place, err := portkit.PlaceOf(listing, after)
	if err != nil {
		return page, err
	}
	if err := s.enter(ctx); err != nil {
		return page, err
	}
	defer s.mu.Unlock()
	states := s.view(id).states
	ids := slices.SortedFunc(maps.Keys(states), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	for _, aggregateID := range ids {
		if string(aggregateID[:]) <= place {
			continue
		}
		if len(page.States) == limit {
			last := page.States[limit-1].AggregateID
			page.Next = portkit.CursorAt(listing, string(last[:]))
			break
		}
		page.States = append(page.States, ports.Reached{
			AggregateID: aggregateID, SequenceNumber: states[aggregateID].SequenceNumber,
		})
	}
	return page, nil
}
