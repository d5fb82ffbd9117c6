package scylla

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Token is the place of a partition in the ring.
var Token = token

// RangesBehind returns the ends of the ranges that are read for so many heads after a token.
func RangesBehind(token int64, gap uint64, want int) []int64 {
	return rangesBehind(headPlace{Token: token, Gap: gap}, want)
}

// SweeperOf returns the passes of one sweeper, as RunSweeper makes them.
func SweeperOf(s *Store) func(ctx context.Context) (Swept, error) {
	return (&sweeper{store: s}).pass
}

// BeatKeys is the number of partitions that heartbeats use in turn.
const BeatKeys = beatKeys

// BeatID is the partition of a heartbeat.
var BeatID = beatID

// BucketOf is the bucket of the intent of an append at a time.
func BucketOf(at time.Time, aggregateID uuid.UUID) int64 { return bucketOf(slotOf(at), aggregateID) }
