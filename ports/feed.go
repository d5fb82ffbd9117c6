package ports

import (
	"context"
	"time"

	"orderflow/domain/eventsourcing"
)

// ChangeFeed delivers what was appended to the event store to named consumers.
//
// What one consumer gets does not depend on the others:
//   - It gets every record after its offset at least once, while the feed still holds the record.
//   - It gets the records of one aggregate in order. A record may be delivered again later. It is
//     never delivered for the first time before its predecessor, unless the feed has lost the
//     predecessor. In that case the consumer sees a gap and fills it from the event store.
//   - There is back-pressure. A consumer that does not call Next costs a bounded amount of memory
//     and does not delay the others.
type ChangeFeed interface {
	// Subscribe starts delivery after the consumer's saved offset.
	//
	// Errors: ErrNoOffset when the consumer has no offset; ErrOffsetExpired when the feed no longer
	// holds the records after it. In both cases call SeekEnd, bring the consumer up to date from
	// the event store, and subscribe. A consumer has at most one open subscription; a second one is
	// an error.
	Subscribe(ctx context.Context, consumer string) (Subscription, error)

	// SeekEnd saves the end of the feed as the consumer's offset. Every append that was
	// acknowledged before the call is in the event store and may be missing in the feed. Every
	// later one is in the feed. It is an error while the consumer has an open subscription.
	SeekEnd(ctx context.Context, consumer string) error

	// Lag returns how far the consumer's committed offset is behind the end of the feed. A feed
	// that has to ask others for that answers from what it knows, and says in Lag.Stale how old
	// that is.
	Lag(ctx context.Context, consumer string) (Lag, error)
}

// Subscription delivers to one consumer. One goroutine at a time may call Next. Any goroutine may
// call Commit and Close.
type Subscription interface {
	// Next blocks until there is a delivery.
	//
	// Errors:
	//   - ErrOffsetExpired when the feed dropped records before this consumer read them: close the
	//     subscription and continue as for Subscribe;
	//   - ErrClosed after Close;
	//   - the context's error when ctx ends;
	//   - ErrUnavailable.
	//
	// After an error of the context and after ErrUnavailable, Next may be called again, and nothing
	// is skipped.
	Next(ctx context.Context) (Delivery, error)

	// Commit says that all deliveries of this subscription in p.Stream have had their effect, up to
	// and including p. The offset is saved in such a way that it never survives a crash that the
	// effects do not survive. At worst some records are delivered again. A position that is older
	// than one already committed changes nothing.
	Commit(ctx context.Context, p Position) error

	// Close ends the subscription and allows the consumer to subscribe again. What was committed is
	// kept.
	Close() error
}

// Delivery is a record or a heartbeat, with its place in the feed.
type Delivery struct {
	// Record is empty in a heartbeat.
	//
	// A feed that cannot read a stored record any more delivers one that only names the event: with
	// AggregateType, AggregateID and SequenceNumber, but without an EventType. The consumer reads
	// the event from the event store. So a damaged row stops the consumer for one aggregate only.
	Record   eventsourcing.Record
	Position Position
	// Beat makes this a heartbeat when it is not zero. It is the time that was given to
	// [Pulse].Beat, in UTC.
	Beat time.Time
}

// Pulse sends heartbeats on the path of the records. So a consumer can distinguish an idle feed
// from a dead one.
type Pulse interface {
	// Beat makes the feed deliver a heartbeat to every consumer that has an open subscription. The
	// heartbeat comes after all records that were acknowledged before the call. A feed whose log
	// may show a record late documents what that means for its heartbeats. In the store and in the
	// feed, heartbeats go through everything that records go through.
	//
	// Heartbeats are not kept for consumers that are not subscribed, and they do not count in
	// [Lag].Events. A heartbeat may come twice or late. It may be dropped when others follow it. So
	// only a heartbeat that arrives proves something.
	//
	// at is UTC, in whole milliseconds. Errors: ErrUnavailable, ErrOutcomeUnknown.
	Beat(ctx context.Context, at time.Time) error
}

// Position is a place in one stream of a feed. It is opaque: only its feed compares positions.
// Within a stream, deliveries come in the order of their positions. All records of one aggregate
// are in one stream.
type Position struct {
	Stream string
	Offset string
}

// Lag is how far a consumer is behind.
type Lag struct {
	// Events is the number of records between the consumer's offset and the end of the feed.
	Events uint64
	// Age is the time since the oldest of them was committed. It is 0 when there is none.
	Age time.Duration
	// Stale is how old the figures are: what was appended less than that long ago may be missing
	// from them. It is 0 where the feed knows of every append at once.
	Stale time.Duration
	// Known is false when the figures cannot be determined: there is no offset yet, it has expired,
	// or the feed cannot count. The other fields are then zero and have no meaning.
	Known bool
}

// Strangers is implemented by a feed to which other programs may write. It counts the messages that
// the feed has skipped because they are no events. A delivery of such a feed may also be no event:
// a record is an event only if the event store has it.
type Strangers interface {
	// Strangers returns what was skipped for a consumer since the process started: one entry for
	// each kind, in the order of the names. A message that was skipped twice counts twice.
	// Strangers does no I/O and may be called at any time.
	Strangers(consumer string) []Stranger
}

// Stranger counts one kind of messages that are no events.
type Stranger struct {
	// Kind is the name of the kind, in lower case.
	Kind string
	// Count is how many messages, or batches of them that cannot be read, were skipped.
	Count uint64
	// Last is where the latest one is, and Reason why it is no event.
	Last   Position
	Reason string
}
