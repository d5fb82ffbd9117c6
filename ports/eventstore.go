package ports

import (
	"context"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// EventStore keeps the history of every aggregate for ever.
type EventStore interface {
	// Load returns the records of aggregateID with a sequence number above after, in order and
	// without a gap. It returns none when there are none: an unknown aggregate is not an error. It
	// sees every append that was acknowledged before the call.
	//
	// Errors: ErrCorrupt when stored bytes cannot be read, ErrUnavailable.
	Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error)

	// Append writes the events of one command after the expected head. Either all of them become
	// durable and enter the change feed, or none of them. Of any number of callers that expect the
	// same head, exactly one succeeds.
	//
	// When the command id is already in the history after a.Expected, Append writes nothing. It
	// returns the stored records of that command with Duplicate set. So a retry whose first answer
	// was lost gets the same answer. (A command at or below a.Expected is the caller's to find:
	// Load has returned it.)
	//
	// The caller checks that the history, which Load has returned, is of the type of its events. A
	// store that knows the type without a read refuses another with *OtherTypeError; it need not.
	//
	// Errors: *VersionConflictError, nothing was written; ErrUnavailable, nothing was written;
	// ErrOutcomeUnknown, the events may have been written. A malformed request (see [Append.Check])
	// is refused before anything is written.
	Append(ctx context.Context, a Append) (Appended, error)
}

// HeadScanner lists the aggregates of an event store. Everything that starts from the store instead
// of the feed uses it: filling a new projection, recovery of an expired one, verification.
type HeadScanner interface {
	// ScanHeads returns up to limit aggregates after the cursor, in an order that the store chooses
	// and keeps. The zero Cursor starts the scan, and an empty Next ends it. An aggregate that
	// exists when the scan starts appears at least once. It appears exactly once if nothing is
	// written to it during the scan.
	ScanHeads(ctx context.Context, after Cursor, limit int) (HeadPage, error)
}

// Cursor is an opaque place in a listing. It stays valid across restarts. As an argument the empty
// Cursor is the beginning; as a result it is the end.
type Cursor string

// HeadPage is a page of a listing of heads.
type HeadPage struct {
	Heads []Head
	Next  Cursor
}

// LegacyAggregateType is the type of aggregates that were stored before aggregate types existed. A
// record without a type belongs to an order.
const LegacyAggregateType = "order"

// Head is the last sequence number of one aggregate.
type Head struct {
	AggregateType  string
	AggregateID    uuid.UUID
	SequenceNumber uint64
}

// Append is a request to write the events of one command.
type Append struct {
	AggregateID uuid.UUID
	// Expected is the head on which the command was decided. It is 0 for a new aggregate.
	Expected  uint64
	CommandID uuid.UUID
	// Records continue the history. Their sequence numbers are Expected+1, Expected+2, …, and all
	// of them carry AggregateID and CommandID. There is at least one.
	Records []eventsourcing.Record
}

// Appended is the answer to an [Append].
type Appended struct {
	// Records are the events of the command as they are stored. They are those of the request, or
	// with Duplicate those of the first time.
	Records   []eventsourcing.Record
	Duplicate bool
}
