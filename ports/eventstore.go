package ports

import (
	"context"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// EventStore keeps the history of every aggregate, for ever.
type EventStore interface {
	// Load returns the records of aggregateID with a sequence number above after, in order and without a hole; none when
	// there are none (an unknown aggregate is not an error). It sees every append that was acknowledged before the call.
	//
	// Errors: ErrCorrupt when stored bytes cannot be read, ErrUnavailable.
	Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error)

	// Append writes one command's events behind the expected head: all of them, durably, and into the change feed as well,
	// or none of them. Of any number of callers that expect the same head exactly one succeeds.
	//
	// When the command id is already in the history behind a.Expected, nothing is written and the records of then are
	// returned with Duplicate set, so that a retry whose first answer got lost is told the same thing. (A command at or
	// below a.Expected is the caller's to find: Load has shown it.)
	//
	// Errors: *VersionConflictError, nothing written; ErrUnavailable, nothing written; ErrOutcomeUnknown, perhaps written.
	// A malformed request (see [Append.Check]) is refused before anything is written.
	Append(ctx context.Context, a Append) (Appended, error)
}

// HeadScanner lists the aggregates of an event store. It serves everything that starts from the store instead of the feed:
// backfill of a new projection, recovery of an expired one, verification.
type HeadScanner interface {
	// ScanHeads returns up to limit aggregates behind cursor, in an order that the store chooses and keeps. The zero Cursor
	// starts; an empty Next ends. An aggregate that exists when the scan starts and is not written meanwhile appears exactly
	// once; one that is written meanwhile appears at least once if it existed at the start.
	ScanHeads(ctx context.Context, after Cursor, limit int) (HeadPage, error)
}

// Cursor is an opaque place in a listing. It stays valid across restarts. The empty Cursor is the beginning (as argument) or
// the end (as result).
type Cursor string

// HeadPage is a part of a listing of heads.
type HeadPage struct {
	Heads []Head
	Next  Cursor
}

// LegacyAggregateType is the type of aggregates that were stored before there were types: whatever carries none is an order.
const LegacyAggregateType = "order"

// Head says how far the history of one aggregate goes.
type Head struct {
	AggregateType  string
	AggregateID    uuid.UUID
	SequenceNumber uint64
}

// Append is the request to write the events of one command.
type Append struct {
	AggregateID uuid.UUID
	// Expected is the head that the command was decided on; 0 to start a new aggregate.
	Expected  uint64
	CommandID uuid.UUID
	// Records continue the history: sequence numbers Expected+1, Expected+2, …, all of AggregateID and CommandID. At least one.
	Records []eventsourcing.Record
}

// Appended is the answer to an [Append].
type Appended struct {
	// Records are the events of the command as stored: those of the request, or with Duplicate those of the first time.
	Records   []eventsourcing.Record
	Duplicate bool
}
