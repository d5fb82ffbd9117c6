package memory

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Load implements [ports.EventStore].
func (s *Store) Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	if err := s.enter(ctx); err != nil {
		return nil, fmt.Errorf("load %s after %d: %w", aggregateID, after, err)
	}
	defer s.mu.Unlock()
	return clones(behind(s.data.histories[aggregateID], after)), nil
}

// Append implements [ports.EventStore].
func (s *Store) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	if err := a.Check(); err != nil {
		return ports.Appended{}, err
	}
	if err := s.enter(ctx); err != nil {
		return ports.Appended{}, fmt.Errorf("append %s at %d: %w", a.AggregateID, a.Expected, err)
	}
	defer s.mu.Unlock()

	history := s.data.histories[a.AggregateID]
	if head := uint64(len(history)); head != a.Expected {
		// Another writer was faster. Perhaps it was this command, in an earlier attempt.
		if first := eventsourcing.ByCommand(behind(history, a.Expected), a.CommandID); len(first) > 0 {
			return ports.Appended{Records: clones(first), Duplicate: true}, nil
		}
		conflict := &ports.VersionConflictError{AggregateID: a.AggregateID, Expected: a.Expected, Actual: head}
		return ports.Appended{}, fmt.Errorf("append %s at %d: %w", a.AggregateID, a.Expected, conflict)
	}

	if len(history) == 0 {
		s.data.aggregates = append(s.data.aggregates, a.AggregateID)
	}
	records, at := clones(a.Records), s.now()
	for _, record := range records {
		s.data.outbox = append(s.data.outbox, message{record: record, at: at})
	}
	s.data.histories[a.AggregateID] = append(history, records...)
	s.wake()
	return ports.Appended{Records: clones(records)}, nil
}

// behind returns the part of history with a sequence number above after.
func behind(history []eventsourcing.Record, after uint64) []eventsourcing.Record {
	return history[min(after, uint64(len(history))):]
}

// clones returns deep copies.
func clones(records []eventsourcing.Record) []eventsourcing.Record {
	copies := make([]eventsourcing.Record, len(records))
	for i, record := range records {
		copies[i] = record.Clone()
	}
	return copies
}
