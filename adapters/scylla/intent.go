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
	// slotLength and shards make the buckets of intents: a slot is read when all its intents are
	// old enough, so that nobody reads over the tombstones of those that served; shards spread one
	// slot over the cluster.
	slotLength = 10 * time.Second
	shards     = 16
	// intentFresh is how old an intent may be when its append commits. It is far below the age at
	// which the sweeper gives an intent up. So a batch may be on its way for almost that long,
	// which is an hour, and still be found when it commits.
	intentFresh = 3 * time.Second
)

// intent is the note that an append is about to happen.
type intent struct {
	bucket int64
	id     gocql.UUID
	at     time.Time // by the clock of this machine
}

func slotOf(t time.Time) int64 { return t.Unix() / int64(slotLength/time.Second) }

func bucketOf(slot int64, aggregateID uuid.UUID) int64 {
	return slot*shards + int64(aggregateID[len(aggregateID)-1]%shards)
}

// bucketsOf are the buckets of a slot.
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
	err := s.cluster.Session.Query(insertIntent, mark.bucket, mark.id, a.AggregateID, a.CommandID, int64(a.Expected)).WithContext(ctx).Exec()
	switch {
	case err == nil:
		return mark, nil
	case ctx.Err() != nil:
		return intent{}, ctx.Err()
	default: // whether the intent is there or not: nothing was appended, as if this were a read
		return intent{}, cluster.Translate(ctx, err, cluster.Read)
	}
}

// renew replaces an intent that is no longer fresh: a process that was paused must not commit when
// the sweeper has, or will soon have, given its intent up.
func (s *Store) renew(ctx context.Context, a ports.Append, mark *intent) error {
	// By the time of day, and not by a clock that stands still while the machine is suspended. The
	// time of day may also be put back.
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

// forget deletes an intent that has served, in the background; with too many deletions under way,
// the caller does its own. When that fails, the sweeper will do it.
func (s *Store) forget(mark intent) {
	remove := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), s.cluster.Config.Timeout)
		defer cancel()
		if err := s.cluster.Exec(ctx, deleteIntent, mark.bucket, mark.id); err != nil {
			s.cluster.Config.Logger.Debug("an intent that has served is left to the sweeper", "error", err)
		}
		return nil
	}
	if !s.background.TryGo(remove) {
		_ = remove()
	}
}
