package ports

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// OperationEntry is what somebody has done to the service.
type OperationEntry struct {
	// ID is unique.
	ID uuid.UUID
	// At has milliseconds.
	At time.Time
	// Subject and TokenID say who it was, as in [Principal]. Subject is empty when nobody had to
	// say.
	Subject, TokenID string
	// Action is what was done, such as pause. Names never change their meaning.
	Action string
	// Target is the consumer or the token that it was done to. AggregateID is the nil UUID unless
	// it was about one aggregate.
	Target      string
	AggregateID uuid.UUID
	// Reason says why, as the operator has said it. Detail says what exactly, for people.
	Reason, Detail string
	// Failure says why it was not done, or was not done completely. It belongs to a second entry:
	// the first one was written before the attempt.
	Failure string
}

// OperationPage is a part of the log.
type OperationPage struct {
	Entries []OperationEntry
	// Next is the cursor of the next page. It is empty on the last one.
	Next Cursor
}

// OperationLog keeps entries for ever. None is changed or removed. It is safe for concurrent use,
// by several processes too.
type OperationLog interface {
	// AppendOperation adds an entry. When it returns, the entry is durable. Appending an entry
	// again, with the same id and time, does nothing.
	//
	// Errors: ErrFull, ErrUnavailable, nothing stored; ErrOutcomeUnknown; ErrClosed.
	AppendOperation(ctx context.Context, e OperationEntry) error
	// Operations returns a page of at most limit entries, the newest first. Those of the same
	// millisecond are in the same order each time.
	//
	// Errors: ErrBadCursor; ErrUnavailable; ErrClosed.
	Operations(ctx context.Context, after Cursor, limit int) (OperationPage, error)
}
