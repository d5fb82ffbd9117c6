package consumers

import (
	"context"
	"fmt"

	"orderflow/adapters/scylla/internal/cluster"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
)

const (
	insertOffset = `INSERT INTO consumer_offsets (consumer, stream, epoch, position) VALUES (?, ?, ?, ?)`
	// offsetsAtOnce bounds the rows of one batch; all are in one partition.
	offsetsAtOnce = 100
)

// SaveOffsets stores, for each stream, the time up to which a consumer has handled everything in
// it: a version 1 UUID, as in the CDC log. Streams that are not named keep their offsets. An offset
// that is not saved for a week is forgotten. After an error some offsets may be saved and others
// not.
//
// The epoch is that of the lease under which the consumer runs, see [Store.AcquireLease]. It is 0
// without a lease. For each stream, only the offsets of the highest epoch count, whichever comes
// later.
func (s *Records) SaveOffsets(ctx context.Context, consumer string, epoch uint64, offsets map[string]uuid.UUID) error {
	if err := s.saveOffsets(ctx, consumer, epoch, offsets); err != nil {
		return fmt.Errorf("save offsets of %s in epoch %d: %w", consumer, epoch, err)
	}
	return nil
}

func (s *Records) saveOffsets(ctx context.Context, consumer string, epoch uint64, offsets map[string]uuid.UUID) error {
	if err := s.c.Enter(ctx); err != nil {
		return err
	}
	defer s.c.Leave()
	batch := s.c.Session.Batch(gocql.UnloggedBatch).WithContext(ctx)
	for stream, position := range offsets {
		batch.Query(insertOffset, consumer, stream, int64(epoch), position)
		if batch.Size() < offsetsAtOnce {
			continue
		}
		if err := s.c.Session.ExecuteBatch(batch); err != nil {
			return cluster.Translate(ctx, err, cluster.PlainWrite)
		}
		batch = s.c.Session.Batch(gocql.UnloggedBatch).WithContext(ctx)
	}
	if batch.Size() == 0 {
		return nil
	}
	return cluster.Translate(ctx, s.c.Session.ExecuteBatch(batch), cluster.PlainWrite)
}

// LoadOffsets returns what SaveOffsets stored in the highest epoch of each stream. It returns
// nothing for a consumer that never saved, or that has not saved for a week.
func (s *Records) LoadOffsets(ctx context.Context, consumer string) (map[string]uuid.UUID, error) {
	offsets, err := s.loadOffsets(ctx, consumer)
	if err != nil {
		return nil, fmt.Errorf("load offsets of %s: %w", consumer, err)
	}
	return offsets, nil
}

func (s *Records) loadOffsets(ctx context.Context, consumer string) (map[string]uuid.UUID, error) {
	if err := s.c.Enter(ctx); err != nil {
		return nil, err
	}
	defer s.c.Leave()
	iter := s.c.Query(ctx, `SELECT stream, position FROM consumer_offsets WHERE consumer = ?`, consumer).Iter()
	offsets := map[string]uuid.UUID{}
	var stream string
	var position gocql.UUID
	for iter.Scan(&stream, &position) {
		if _, higher := offsets[stream]; !higher { // the epochs of a stream come the highest first
			offsets[stream] = uuid.UUID(position)
		}
	}
	return offsets, cluster.Translate(ctx, iter.Close(), cluster.Read)
}
