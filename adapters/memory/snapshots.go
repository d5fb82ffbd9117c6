package memory

import (
	"bytes"
	"context"
	"fmt"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// snapshotKey names the snapshots of one kind of one aggregate.
type snapshotKey struct {
	aggregateID uuid.UUID
	kind        string
}

// LoadPage implements [ports.HistoryPager].
func (s *Store) LoadPage(ctx context.Context, aggregateID uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error) {
	err := portkit.CheckLimit(limit)
	if err == nil {
		err = s.enter(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("load %s after %d: %w", aggregateID, after, err)
	}
	defer s.mu.Unlock()
	page := behind(s.data.histories[aggregateID], after)
	return clones(page[:min(limit, len(page))]), nil
}

// FindCommand implements [ports.CommandFinder].
func (s *Store) FindCommand(ctx context.Context, aggregateID, commandID uuid.UUID) ([]eventsourcing.Record, error) {
	if err := s.enter(ctx); err != nil {
		return nil, fmt.Errorf("find command %s of %s: %w", commandID, aggregateID, err)
	}
	defer s.mu.Unlock()
	return clones(eventsourcing.ByCommand(s.data.histories[aggregateID], commandID)), nil
}

// SaveSnapshot implements [ports.Snapshots].
func (s *Store) SaveSnapshot(ctx context.Context, snapshot ports.Snapshot) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("save a snapshot of %s: %w", snapshot.AggregateID, err)
	}
	defer s.mu.Unlock()
	key := snapshotKey{snapshot.AggregateID, snapshot.Kind}
	if s.data.snapshots[key] == nil {
		s.data.snapshots[key] = map[uint64]ports.Snapshot{}
	}
	snapshot.Data = bytes.Clone(snapshot.Data)
	s.data.snapshots[key][snapshot.SequenceNumber] = snapshot
	return nil
}

// LoadSnapshot implements [ports.Snapshots].
func (s *Store) LoadSnapshot(
	ctx context.Context, aggregateID uuid.UUID, kind string, atMost uint64,
) (newest ports.Snapshot, err error) {
	if err := s.enter(ctx); err != nil {
		return newest, fmt.Errorf("load a snapshot of %s: %w", aggregateID, err)
	}
	defer s.mu.Unlock()
	for sequence, snapshot := range s.data.snapshots[snapshotKey{aggregateID, kind}] {
		if sequence <= atMost && sequence > newest.SequenceNumber {
			newest = snapshot
		}
	}
	newest.Data = bytes.Clone(newest.Data)
	return newest, nil
}

// DropSnapshots implements [ports.Snapshots].
func (s *Store) DropSnapshots(ctx context.Context, aggregateID uuid.UUID, kind string, upTo uint64) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("drop snapshots of %s: %w", aggregateID, err)
	}
	defer s.mu.Unlock()
	snapshots := s.data.snapshots[snapshotKey{aggregateID, kind}]
	for sequence := range snapshots {
		if sequence <= upTo {
			delete(snapshots, sequence)
		}
	}
	return nil
}
