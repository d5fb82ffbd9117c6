package ports

import (
	"context"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// EventStreams lets clients follow events as they are committed.
type EventStreams interface {
	// StreamOne follows one aggregate of a type, after a sequence number: first what is in the
	// event store, then what comes. Every event comes exactly once, in order and without a gap.
	//
	// Errors: ErrNotFound; *OtherTypeError; ErrBadCursor when the aggregate has no such sequence
	// number yet; ErrUnavailable; ErrCorrupt.
	StreamOne(ctx context.Context, aggregateType string, id uuid.UUID, after uint64) (EventStream, error)

	// StreamAll follows the events of all aggregates that pass the filters. They are in order for
	// each aggregate. An event may come again after the client has resumed.
	//
	// Errors: ErrBadCursor for an id that no stream of this store has given out; ErrUnavailable.
	StreamAll(ctx context.Context, request StreamRequest) (EventStream, error)
}

// StreamRequest says which events a client wants to follow.
type StreamRequest struct {
	// After is the id of the event to continue after. When it is empty, the stream starts now, or
	// with Earliest as far back as the feed goes.
	After    string
	Earliest bool
	// Types are the event types that pass. None means all.
	Types []string
	// By names lists of aggregates. An event passes when its aggregate is in all of these lists
	// right after the event.
	By []StreamFilter
}

// StreamFilter names a list of aggregates, such as the orders of one customer.
type StreamFilter struct{ Property, Key string }

// EventStream is what one client follows. One goroutine at a time may call Next. Any goroutine may
// call Close.
type EventStream interface {
	// Next blocks until there is a page with something in it. A stream whose Next is not called
	// costs a bounded amount of memory, and delays nobody.
	//
	// Errors: the context's error, after which Next may be called again and nothing is skipped;
	// ErrClosed; ErrUnavailable and ErrCorrupt. After the last two the client resumes.
	Next(ctx context.Context) (StreamPage, error)

	// Close ends the stream.
	Close() error
}

// StreamPage is what a stream has next, in the order of its fields.
type StreamPage struct {
	// Reset says that events are missing before those of this page. It is nil when none are.
	Reset  *StreamReset
	Events []StreamEvent
	// CaughtUp is set once for each stream: everything that was committed before the stream was
	// requested has come, and what comes later was committed after that.
	CaughtUp bool
	// After is the id to resume after, when all of this page has arrived.
	After string
}

// StreamEvent is an event, and the id to resume after it.
type StreamEvent struct {
	ID     string
	Record eventsourcing.Record
}

// The reasons of a [StreamReset].
const (
	// ResetExpired: the feed no longer holds the events between From and To.
	ResetExpired = "expired"
	// ResetUnreadable: the stored event that AggregateID and SequenceNumber name cannot be read.
	ResetUnreadable = "unreadable"
)

// StreamReset says which events are missing in a stream.
type StreamReset struct {
	Reason string
	// From and To are the ids between which everything is missing. Until is the time before which
	// that was committed, and zero when it is not known.
	From, To string
	Until    time.Time

	AggregateID    uuid.UUID
	SequenceNumber uint64
}
