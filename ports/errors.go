package ports

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// The errors of every adapter. Test for them with errors.Is: each is wrapped with the operation
// that failed.
var (
	// ErrNotFound: there is no such thing. Show it to the user.
	ErrNotFound = errors.New("not found")
	// ErrVersionConflict: another writer was first, and nothing was written. Reload and decide
	// again, a bounded number of times. The error is a *VersionConflictError where the heads are
	// known.
	ErrVersionConflict = errors.New("version conflict")
	// ErrOutcomeUnknown: the write may or may not have happened. Look for the command id in the
	// history, then decide. Never retry blindly.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrUnavailable: the operation was certainly not applied. Retry it after a pause.
	ErrUnavailable = errors.New("unavailable")
	// ErrCorrupt: stored bytes cannot be read, or they contradict each other. Stop there and alert;
	// never skip them. The error is a *DecodeError where one event is the cause.
	ErrCorrupt = errors.New("corrupt data")
	// ErrNewer: the event has a type or version that this program does not know. A newer version of
	// the program has written it. It is not corrupt: a process of that version can read it. Wait
	// for such a process, and never drop the event.
	ErrNewer = errors.New("written by a newer version")
	// ErrClosed: the component was closed.
	ErrClosed = errors.New("closed")
	// ErrOffsetExpired: the feed no longer holds the records after the consumer's offset. Reconcile
	// the consumer from the event store.
	ErrOffsetExpired = errors.New("offset expired")
	// ErrNoOffset: the consumer has never had an offset. Reconcile it from the event store.
	ErrNoOffset = errors.New("no offset")
	// ErrBadCursor: the cursor was not issued for this listing. Show it to the user, who starts the
	// listing again.
	ErrBadCursor = errors.New("bad cursor")
	// ErrLocked: another process owns the data.
	ErrLocked = errors.New("in use by another process")
	// ErrFull: the disk is full, and nothing was written. Reads still work. An operator has to free
	// space. After that another attempt may succeed, so it is an ErrUnavailable as well.
	ErrFull error = diskFull{}
)

type diskFull struct{}

func (diskFull) Error() string { return "disk full" }

// Unwrap makes errors.Is(err, ErrUnavailable) true.
func (diskFull) Unwrap() error { return ErrUnavailable }

// VersionConflictError explains an [ErrVersionConflict].
type VersionConflictError struct {
	AggregateID uuid.UUID
	// Expected is the head that the caller had seen. Actual is the head that the store has.
	Expected, Actual uint64
}

func (e *VersionConflictError) Error() string {
	return fmt.Sprintf("%s is at sequence number %d, not %d: version conflict", e.AggregateID, e.Actual, e.Expected)
}

// Is makes errors.Is(err, ErrVersionConflict) true.
func (e *VersionConflictError) Is(target error) bool { return target == ErrVersionConflict }

// BeyondHeadError says that an aggregate does not have the requested event yet. It is an
// [ErrNotFound].
type BeyondHeadError struct {
	AggregateID uuid.UUID
	// SequenceNumber is the requested one, and Head the last one that exists.
	SequenceNumber, Head uint64
}

func (e *BeyondHeadError) Error() string {
	return fmt.Sprintf("%s has no event %d, its last one is %d", e.AggregateID, e.SequenceNumber, e.Head)
}

// Is makes errors.Is(err, ErrNotFound) true.
func (e *BeyondHeadError) Is(target error) bool { return target == ErrNotFound }

// OtherTypeError refuses an id that belongs to an aggregate of another type than the caller's.
type OtherTypeError struct {
	AggregateID uuid.UUID
	// Type is the type of the aggregate. Wanted is the type that the caller works on.
	Type, Wanted string
}

func (e *OtherTypeError) Error() string {
	return fmt.Sprintf("%s is the id of an aggregate of type %s, not %s", e.AggregateID, e.Type, e.Wanted)
}

// CommandIDReusedError refuses a command id that another command of the same aggregate has already
// used. That is a bug of the client. Without this error the client would be told that its command
// took effect, although it did not.
type CommandIDReusedError struct {
	CommandID   uuid.UUID
	AggregateID uuid.UUID
}

func (e *CommandIDReusedError) Error() string {
	return fmt.Sprintf("command id %s was already used for another command of aggregate %s", e.CommandID, e.AggregateID)
}

// DecodeError names the event that could not be read. It is an [ErrCorrupt]. With Newer set it is
// also an [ErrNewer].
type DecodeError struct {
	EventID        uuid.UUID
	AggregateID    uuid.UUID
	SequenceNumber uint64
	EventType      string
	EventVersion   int
	// Newer says that this program does not know the aggregate type, the event type or the version.
	Newer bool
	// Err is the cause.
	Err error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode %s v%d (event %s, sequence number %d of %s): %v",
		e.EventType, e.EventVersion, e.EventID, e.SequenceNumber, e.AggregateID, e.Err)
}

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrCorrupt) true, and errors.Is(err, ErrNewer) when the event is newer
// than the program.
func (e *DecodeError) Is(target error) bool {
	return target == ErrCorrupt || e.Newer && target == ErrNewer
}
