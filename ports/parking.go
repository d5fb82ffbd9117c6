package ports

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// ParkingLot keeps the orders that a consumer has set aside. An order that is parked holds up nobody else; its later events wait
// behind the one that failed, in the event store, where they are.
type ParkingLot interface {
	// Park stores what is known about an order that was set aside, in place of an earlier entry for that consumer and order.
	// A later Commit never survives a crash that the entry does not survive.
	Park(ctx context.Context, parked ParkedAggregate) error
	// Unpark removes the entry. There need not be one.
	Unpark(ctx context.Context, consumer string, aggregateID uuid.UUID) error
	// Parked lists the entries of a consumer, each once, in an order that the store chooses and keeps. ErrBadCursor.
	Parked(ctx context.Context, consumer string, after Cursor, limit int) (ParkedPage, error)
}

// ParkedAggregate is an order that a consumer has set aside. Times are UTC, in whole milliseconds.
type ParkedAggregate struct {
	Consumer    string
	AggregateID uuid.UUID
	// AggregateType is empty where an earlier version has stored the entry, which means [LegacyAggregateType].
	AggregateType string
	// SequenceNumber, EventID and EventType name the event that could not be handled.
	SequenceNumber uint64
	EventID        uuid.UUID
	EventType      string
	Kind           FailureKind
	Error          string
	// Attempts counts all of them, those of later retries included.
	Attempts int
	// FailedAt is the time of the first failure, ParkedAt that of the parking, RetriedAt that of the last retry, zero for none.
	FailedAt, ParkedAt, RetriedAt time.Time
}

// ParkedPage is a part of a listing of parked orders. Next is empty at the end.
type ParkedPage struct {
	Aggregates []ParkedAggregate
	Next       Cursor
}

// FailureKind says who has to act when an event cannot be handled.
type FailureKind string

// The kinds of failure.
const (
	// FailureUndecodable: the stored bytes cannot be read by this version of the program. Deploy one that can, or repair them.
	FailureUndecodable FailureKind = "undecodable"
	// FailureNewer: the event is of a type or version that this program does not know. It waits for a program that does, which
	// goes on by itself.
	FailureNewer FailureKind = "newer"
	// FailureStore: the store does not take the effect, or cannot be reached.
	FailureStore FailureKind = "store"
	// FailureRefused: the target of a publisher refuses the event, which is too large, say.
	FailureRefused FailureKind = "refused"
	// FailureBug: the code panicked, or failed in a way that nobody foresaw.
	FailureBug FailureKind = "bug"
)

// SkipLog remembers which events were passed over, by whose decision and why: what a view lacks can be explained with it.
type SkipLog interface {
	// RecordSkip stores s durably, in place of an earlier entry for the same consumer, order and sequence number.
	RecordSkip(ctx context.Context, s Skip) error
	// ForgetSkip removes the entry of one event durably. There need not be one.
	ForgetSkip(ctx context.Context, consumer string, aggregateID uuid.UUID, sequence uint64) error
	// Skips lists the entries of a consumer, in an order that the store chooses and keeps, those of one order in sequence
	// order; with an order id, those of that order only. ErrBadCursor.
	Skips(ctx context.Context, q SkipQuery) (SkipPage, error)
}

// Skip is one event that a consumer passed over.
type Skip struct {
	Consumer       string
	AggregateID    uuid.UUID
	SequenceNumber uint64
	EventID        uuid.UUID
	EventType      string
	// Reason is what the operator gave, Error what had failed.
	Reason, Error string
	// SkippedAt is UTC, in whole milliseconds.
	SkippedAt time.Time
}

// SkipQuery selects skips.
type SkipQuery struct {
	Consumer string
	// OrderID is the nil UUID for all orders.
	AggregateID uuid.UUID
	After       Cursor
	Limit       int
}

// SkipPage is a part of a listing of skips. Next is empty at the end.
type SkipPage struct {
	Skips []Skip
	Next  Cursor
}
