package scylla

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// What the tests look at from outside the package.
var (
	TabletsOption = tabletsOption
	Translate     = translate
	StatementsOf  = statementsOf
	Token         = token
)

// The kinds of request for Translate.
const (
	Read             = read
	PlainWrite       = plainWrite
	ConditionalWrite = conditionalWrite
)

// Request is what kind of request failed.
type Request = request

// RetryPolicy is the retry policy of sessions.
type RetryPolicy = retryPolicy

// ConditionalPolicy is the one of conditional writes.
type ConditionalPolicy = conditionalPolicy

// DistinctHosts is what the sessions choose nodes with.
type DistinctHosts = distinctHosts

// StatementTexts returns the statements of every file of the schema.
func StatementTexts() ([]string, error) {
	files, err := migrations()
	var texts []string
	for _, file := range files {
		texts = append(texts, file.statements...)
	}
	return texts, err
}

// MaxBuckets is how many buckets are read for one page.
const MaxBuckets = maxBuckets

// RangesBehind returns the ends of the ranges that are read for so many heads behind a token.
func RangesBehind(token int64, gap uint64, want int) []int64 {
	return rangesBehind(headPlace{Token: token, Gap: gap}, want)
}

// SweeperOf returns the passes of one sweeper, as RunSweeper makes them.
func SweeperOf(s *Store) func(ctx context.Context) (Swept, error) {
	return (&sweeper{store: s}).pass
}

// BeatKeys is the number of partitions that heartbeats take turns in.
const BeatKeys = beatKeys

// BeatID is the partition of a heartbeat.
var BeatID = beatID

// BucketOf is the bucket of the intent of an append at a time.
func BucketOf(at time.Time, aggregateID uuid.UUID) int64 { return bucketOf(slotOf(at), aggregateID) }

// AddsColumn is a statement that is left out when the column is there.
var AddsColumn = addsColumn
