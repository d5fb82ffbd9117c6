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

// LoadPage implements [ports.HistoryPager].
func (s *Store) LoadPage(ctx context.Context, aggregateID uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error) {
	return s.history.LoadPage(ctx, aggregateID, after, limit)
}

// FindCommand implements [ports.CommandFinder].
func (s *Store) FindCommand(ctx context.Context, aggregateID, commandID uuid.UUID) ([]eventsourcing.Record, error) {
	return s.history.FindCommand(ctx, aggregateID, commandID)
}

// SaveSnapshot implements [ports.Snapshots]. It needs no fsync: without the snapshot, the events
// say the same.
func (s *Store) SaveSnapshot(ctx context.Context, snapshot ports.Snapshot) error {
	if err := s.saveSnapshot(ctx, snapshot); err != nil {
		return fmt.Errorf("save a snapshot of %s: %w", snapshot.AggregateID, err)
	}
	return nil
}

func (s *Store) saveSnapshot(ctx context.Context, snapshot ports.Snapshot) error {
	if err := s.db.Enter(ctx); err != nil {
		return err
	}
	defer s.db.Leave()
	batch := s.db.NewBatch()
	engine.Put(batch, layout.SnapshotKey(snapshot.AggregateID, snapshot.Kind, snapshot.SequenceNumber),
		layout.EncodeSnapshot(snapshot))
	return s.db.Write(batch)
}

// LoadSnapshot implements [ports.Snapshots].
func (s *Store) LoadSnapshot(
	ctx context.Context, aggregateID uuid.UUID, kind string, atMost uint64,
) (ports.Snapshot, error) {
	snapshot, err := s.loadSnapshot(ctx, aggregateID, kind, atMost)
	if err != nil {
		return ports.Snapshot{}, fmt.Errorf("load a snapshot of %s: %w", aggregateID, err)
	}
	return snapshot, nil
}

func (s *Store) loadSnapshot(
	ctx context.Context, aggregateID uuid.UUID, kind string, atMost uint64,
) (snapshot ports.Snapshot, err error) {
	if err := s.db.Enter(ctx); err != nil {
		return snapshot, err
	}
	defer s.db.Leave()
	it, err := s.db.Range(layout.SnapshotPrefix(aggregateID, kind),
		layout.After(layout.SnapshotKey(aggregateID, kind, atMost)))
	if err != nil {
		return snapshot, err
	}
	if it.Last() {
		if snapshot, err = layout.DecodeSnapshot(it.Key(), it.Value()); err == nil {
			snapshot.AggregateID, snapshot.Kind = aggregateID, kind
		} else {
			err = engine.Corrupt(err)
		}
	}
	return snapshot, errors.Join(err, engine.Translate(it.Close()))
}

// DropSnapshots implements [ports.Snapshots].
func (s *Store) DropSnapshots(ctx context.Context, aggregateID uuid.UUID, kind string, upTo uint64) error {
	if err := s.dropSnapshots(ctx, aggregateID, kind, upTo); err != nil {
		return fmt.Errorf("drop snapshots of %s: %w", aggregateID, err)
	}
	return nil
}

func (s *Store) dropSnapshots(ctx context.Context, aggregateID uuid.UUID, kind string, upTo uint64) error {
	if err := s.db.Enter(ctx); err != nil {
		return err
	}
	defer s.db.Leave()
	it, err := s.db.Range(layout.SnapshotPrefix(aggregateID, kind),
		layout.After(layout.SnapshotKey(aggregateID, kind, upTo)))
	if err != nil {
		return err
	}
	// One by one: there are few, and deletions of ranges cost every reader of the store until they
	// are compacted.
	batch := s.db.NewBatch()
	for valid := it.First(); valid; valid = it.Next() {
		engine.Delete(batch, it.Key())
	}
	if err := engine.Translate(it.Close()); err != nil {
		return err
	}
	return s.db.WriteSmall(batch)
}
