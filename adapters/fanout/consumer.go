package fanout

import (
	"context"

	"orderflow/domain/eventsourcing"
)

// Consumer is one consumer of the change feed.
type Consumer interface {
	// Name returns the consumer's name. It is not empty, and unique within a router.
	Name() string

	// Pull takes deliveries from the feed and calls emit for each, in order, from one goroutine. It
	// runs until ctx ends and then returns nil. Any other return is a bug of the consumer. The
	// router reports it and calls Pull again after a pause.
	//
	// emit blocks while the record's lane is full. It returns an error only when ctx or the context
	// that it was given has ended; Pull then returns. After emit, nobody may modify the record.
	//
	// done is called once, after Handle has returned nil for the record. It is not called when the
	// router stops before that. The calls come from several goroutines: in order within one
	// aggregate, and in no order between aggregates. They may come while emit blocks, and during
	// the drain also after Pull has returned. done delays its lane, so it must be quick.
	Pull(ctx context.Context, emit func(ctx context.Context, record eventsourcing.Record, done func()) error) error

	// Handle performs the effects of one or more records. They come in the order in which they were
	// emitted. Handle is called concurrently for different lanes, and never twice at a time for one
	// lane. So the records of one aggregate are handled one after the other. Handle retries by
	// itself. It returns an error only when ctx ends, or because of a bug. All of the records are
	// then delivered again.
	//
	// ctx ends later than the context of Pull, by the drain timeout, so that an effect in progress
	// can be completed. A Handle that waits between attempts should start no further attempt when
	// the context of its Pull has ended. If it returns an error, the records are delivered again
	// after the next start. If it waits, it uses up the time of the drain.
	Handle(ctx context.Context, records ...eventsourcing.Record) error
}
