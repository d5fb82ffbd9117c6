package scylla

import (
	"context"
	"fmt"
	"math"

	"github.com/google/uuid"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/ports"
)

const (
	insertSnapshot  = `INSERT INTO snapshots (aggregate_id, kind, sequence_number, version, data) VALUES (?, ?, ?, ?, ?)`
	selectSnapshot  = `SELECT sequence_number, version, data FROM snapshots WHERE aggregate_id = ? AND kind = ? AND sequence_number <= ? LIMIT 1`
	deleteSnapshots = `DELETE FROM snapshots WHERE aggregate_id = ? AND kind = ? AND sequence_number <= ?`
)

// SaveSnapshot implements [ports.Snapshots].
func (s *Store) SaveSnapshot(ctx context.Context, snapshot ports.Snapshot) error {
	data := snapshot.Data
	if data == nil {
		data = []byte{} // nil would be stored as null
	}
	err := s.snapshots(ctx, insertSnapshot, snapshot.AggregateID, snapshot.Kind, atMostInt64(snapshot.SequenceNumber),
		snapshot.Version, data)
	if err != nil {
		return fmt.Errorf("save a snapshot of %s: %w", snapshot.AggregateID, err)
	}
	return nil
}

// DropSnapshots implements [ports.Snapshots].
func (s *Store) DropSnapshots(ctx context.Context, aggregateID uuid.UUID, kind string, upTo uint64) error {
	if err := s.snapshots(ctx, deleteSnapshots, aggregateID, kind, atMostInt64(upTo)); err != nil {
		return fmt.Errorf("drop snapshots of %s: %w", aggregateID, err)
	}
	return nil
}

// snapshots makes a write that does no harm when it is made late or again.
func (s *Store) snapshots(ctx context.Context, cql string, args ...any) error {
	if err := s.cluster.Enter(ctx); err != nil {
		return err
	}
	defer s.cluster.Leave()
	return s.cluster.Exec(ctx, cql, args...)
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
	if err := s.cluster.Enter(ctx); err != nil {
		return snapshot, err
	}
	defer s.cluster.Leave()
	iter := s.cluster.Query(ctx, selectSnapshot, aggregateID, kind, atMostInt64(atMost)).Iter()
	var sequence int64
	if iter.Scan(&sequence, &snapshot.Version, &snapshot.Data) {
		snapshot.AggregateID, snapshot.Kind, snapshot.SequenceNumber = aggregateID, kind, uint64(sequence)
	}
	if err := iter.Close(); err != nil {
		return ports.Snapshot{}, cluster.Translate(ctx, err, cluster.Read)
	}
	return snapshot, nil
}

func atMostInt64(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
