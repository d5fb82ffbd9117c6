package scylla

import (
	"context"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/ports"
)

const (
	insertIntent = `INSERT INTO append_intents (bucket, intent_id, aggregate_id, command_id, expected) VALUES (?, ?, ?, ?, ?)`
	deleteIntent = `DELETE FROM append_intents WHERE bucket = ? AND intent_id = ?`
)

const (
	// slotLength and shards define the buckets of intents. A slot is read when all its intents are
	// old enough. So the tombstones of intents that are done are not read again and again. Shards
	// spread one slot over the cluster.
	slotLength = 10 * time.Second
	shards     = 16
	// intentFresh is how old an intent may be when its append commits. It is far below the age at
	// which the sweeper gives an intent up, which is an hour. So a batch may be on its way for
	// almost that hour, and its events are still found when it commits.
	intentFresh = 3 * time.Second
)

// intent says that an append is about to happen.
type intent struct {
	bucket int64
	id     gocql.UUID
	at     time.Time // by the clock of this machine
}

func slotOf(t time.Time) int64 { return t.Unix() / int64(slotLength/time.Second) }

func bucketOf(slot int64, aggregateID uuid.UUID) int64 {
	return slot*shards + int64(aggregateID[len(aggregateID)-1]%shards)
}

// bucketsOf returns the buckets of a slot.
func bucketsOf(slot int64) []int64 {
	buckets := make([]int64, shards)
	for i := range buckets {
		buckets[i] = slot*shards + int64(i)
	}
	return buckets
}

// announce writes the intent of an append, which must be there before the append can happen.
func (s *Store) announce(ctx context.Context, a ports.Append) (intent, error) {
	now := s.Now()
	mark := intent{bucket: bucketOf(slotOf(now), a.AggregateID), id: gocql.UUIDFromTime(now), at: s.cluster.Local()}
	err := s.cluster.Session.Query(insertIntent, mark.bucket, mark.id, a.AggregateID, a.CommandID,
		int64(a.Expected)).WithContext(ctx).Exec()
	switch {
	case err == nil:
		return mark, nil
	case ctx.Err() != nil:
		return intent{}, ctx.Err()
	default: // nothing was appended, whether or not the intent was written, as after a read
		return intent{}, cluster.Translate(ctx, err, cluster.Read)
	}
}

// renew replaces an intent that is no longer fresh. A process that was paused must not commit when
// the sweeper has given its intent up, or will do so soon.
func (s *Store) renew(ctx context.Context, a ports.Append, mark *intent) error {
	// By the time of day, and not by a clock that stands still while the machine is suspended. The
	// time of day may also be set back.
	if age := s.cluster.Local().Sub(mark.at); 0 <= age && age <= intentFresh {
		return nil
	}
	fresh, err := s.announce(ctx, a)
	if err != nil {
		return err
	}
	s.forget(*mark)
	*mark = fresh
	return nil
}

// forget deletes an intent that is not needed any more, in the background. When too many deletions
// are in progress, the caller does it itself. When a deletion fails, the sweeper does it.
func (s *Store) forget(mark intent) {
	remove := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), s.cluster.Config.Timeout)
		defer cancel()
		if err := s.cluster.Exec(ctx, deleteIntent, mark.bucket, mark.id); err != nil {
			s.cluster.Config.Logger.Debug("an intent could not be deleted; the sweeper will do it", "error", err)
		}
		return nil
	}
	if !s.background.TryGo(remove) {
		_ = remove()
	}
}
