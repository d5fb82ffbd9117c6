package fanout

import (
	"context"

	"orderflow/domain/eventsourcing"
)

// Consumer is one consumer of the change feed.
type Consumer interface {
	// Name is the consumer's name: not empty, and unique within a router.
	Name() string

	// Pull takes deliveries from the feed and calls emit for each, in order, from one goroutine, until ctx ends; then it
	// returns nil. Any other return is a bug: it is reported, and Pull is called again after a pause.
	//
	// emit blocks while the record's lane is full. It returns an error only when ctx or the context it was given has ended;
	// Pull then returns. The record must not be modified any more.
	//
	// done is called once, after Handle returned nil for the record, and not at all when the router stopped before. Calls
	// come from several goroutines, in order within one aggregate and in no order between aggregates; they may come while
	// emit blocks and, during the drain, after Pull has returned. done holds up its lane, so it must be quick.
	Pull(ctx context.Context, emit func(ctx context.Context, record eventsourcing.Record, done func()) error) error

	// Handle performs the effects of one or more records. They are in the order in which they were
	// emitted. It is called concurrently for different lanes, and never twice at a time for one lane, so
	// the records of one aggregate come one after the other. It retries by itself and returns an error
	// only when ctx ends, or for a bug. All of the records are then delivered again.
	//
	// ctx outlives the context of Pull by the drain timeout, so that an effect that has begun can be
	// completed. A Handle that waits between attempts should not start another one when the context of
	// its Pull has ended: returning an error then costs a redelivery after the next start, waiting costs
	// the rest of the drain.
	Handle(ctx context.Context, records ...eventsourcing.Record) error
}
