package ports

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// ParkingLot keeps the parked aggregates of each consumer. A parked aggregate does not delay any
// other. Its later events stay in the event store until the event that failed is handled or
// skipped.
type ParkingLot interface {
	// Park stores the entry of a parked aggregate. It replaces an earlier entry for the same
	// consumer and aggregate. A later Commit never survives a crash that the entry does not
	// survive.
	Park(ctx context.Context, parked ParkedAggregate) error
	// Unpark removes the entry. It succeeds when there is none.
	Unpark(ctx context.Context, consumer string, aggregateID uuid.UUID) error
	// Parked lists the entries of a consumer, each once, in an order that the store chooses and
	// keeps. Errors: ErrBadCursor.
	Parked(ctx context.Context, consumer string, after Cursor, limit int) (ParkedPage, error)
}

// ParkedAggregate is an aggregate that a consumer has parked. Times are UTC, in whole milliseconds.
type ParkedAggregate struct {
	Consumer    string
	AggregateID uuid.UUID
	// AggregateType is empty where an earlier version of the program has stored the entry. Empty
	// means [LegacyAggregateType].
	AggregateType string
	// SequenceNumber, EventID and EventType name the event that could not be handled.
	SequenceNumber uint64
	EventID        uuid.UUID
	EventType      string
	Kind           FailureKind
	Error          string
	// Attempts counts all attempts, including later retries.
	Attempts int
	// FailedAt is the time of the first failure, and ParkedAt the time of the parking. RetriedAt is
	// the time of the last retry, and zero when there was none.
	FailedAt, ParkedAt, RetriedAt time.Time
}

// ParkedPage is a page of a listing of parked aggregates. Next is empty at the end.
type ParkedPage struct {
	Aggregates []ParkedAggregate
	Next       Cursor
}

// FailureKind says who has to act when an event cannot be handled.
type FailureKind string

// The kinds of failure.
const (
	// FailureUndecodable: this version of the program cannot read the stored bytes. Deploy a
	// version that can, or repair the bytes.
	FailureUndecodable FailureKind = "undecodable"
	// FailureNewer: this program does not know the type or the version of the event. The event
	// waits for a program that knows it. That program continues without an operator.
	FailureNewer FailureKind = "newer"
	// FailureStore: the store refuses the effect, or it cannot be reached.
	FailureStore FailureKind = "store"
	// FailureRefused: the target of a publisher refuses the event, for example because it is too
	// large.
	FailureRefused FailureKind = "refused"
	// FailureBug: the code panicked, or it failed with an error that it should not return.
	FailureBug FailureKind = "bug"
)

// SkipLog keeps which events were skipped, and why. It explains what a view does not contain.
type SkipLog interface {
	// RecordSkip stores s durably. It replaces an earlier entry for the same consumer, aggregate
	// and sequence number.
	RecordSkip(ctx context.Context, s Skip) error
	// ForgetSkip removes the entry of one event durably. It succeeds when there is none.
	ForgetSkip(ctx context.Context, consumer string, aggregateID uuid.UUID, sequence uint64) error
	// Skips lists the entries of a consumer, in an order that the store chooses and keeps. The
	// entries of one aggregate come in sequence order. With an aggregate id in the query it lists
	// those of that aggregate only. Errors: ErrBadCursor.
	Skips(ctx context.Context, q SkipQuery) (SkipPage, error)
}

// Skip is one event that a consumer skips.
type Skip struct {
	Consumer       string
	AggregateID    uuid.UUID
	SequenceNumber uint64
	EventID        uuid.UUID
	EventType      string
	// Reason is what the operator gave. Error is the failure that led to the skip.
	Reason, Error string
	// SkippedAt is UTC, in whole milliseconds.
	SkippedAt time.Time
}

// SkipQuery selects skips.
type SkipQuery struct {
	Consumer string
	// AggregateID is the nil UUID for all aggregates.
	AggregateID uuid.UUID
	After       Cursor
	Limit       int
}

// SkipPage is a page of a listing of skips. Next is empty at the end.
type SkipPage struct {
	Skips []Skip
	Next  Cursor
}
