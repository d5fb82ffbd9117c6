package ports

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// ErasureState is how far an erasure is. Names never change their meaning.
type ErasureState string

// The states of an erasure.
const (
	// ErasureRequested: the request is durable, and the erasure goes on until it is done.
	ErasureRequested ErasureState = "requested"
	// ErasureDone: nothing of the personal data of the subject can be read any more.
	ErasureDone ErasureState = "done"
	// ErasurePartial: the erasure has ended, but events that were stored before personal data was
	// sealed still have it. It may be requested again.
	ErasurePartial ErasureState = "partial"
)

// Erasure is the erasure of the personal data of one customer.
type Erasure struct {
	// Subject names the customer in the metadata of events, and SubjectID is the aggregate that has
	// the request and the end of the erasure as events.
	Subject   Subject
	SubjectID uuid.UUID
	State     ErasureState
	// Reason and Reference are those of the last request.
	Reason, Reference string
	// RequestedAt is when the last request was made. EndedAt is zero until the erasure has ended.
	RequestedAt, EndedAt time.Time
	// Aggregates is how many aggregates the customer has. Rewritten is how often something derived
	// from one of them was written again. Plain is how many events have personal data that was
	// never sealed. All are 0 until the erasure has ended.
	Aggregates, Rewritten, Plain int64
	// Waits says why the erasure makes no progress at the moment, as far as this process knows.
	Waits string
}

// ErasureRequest says why the personal data of a customer is erased.
type ErasureRequest struct {
	// Reason is required. Reference may be empty. Both are stored for ever, so they must not name
	// the customer.
	Reason, Reference string
	// Force erases also when orders of the customer are not finished. They cannot be shipped or
	// cancelled after that.
	Force bool
}

// Erasures erases the personal data of customers. It is safe for concurrent use.
type Erasures interface {
	// Erase requests an erasure. When it returns without an error, the request is durable, the keys
	// of the customer are destroyed, and what is derived from the events is written again in the
	// background. To request an erasure again changes nothing, unless it is partial.
	//
	// Errors: ErrNotFound when the customer has no orders and there was no erasure; *RefusedError
	// when orders are not finished; an eventsourcing.Refused for malformed texts; ErrUnavailable;
	// ErrOutcomeUnknown. After an error the request may be durable. It can always be repeated.
	Erase(ctx context.Context, customer string, request ErasureRequest) (Erasure, error)
	// Erasure returns how far the erasure of a customer is. Errors: ErrNotFound when there was no
	// request; ErrUnavailable.
	Erasure(ctx context.Context, customer string) (Erasure, error)
}
