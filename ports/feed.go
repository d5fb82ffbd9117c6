package ports

import (
	"context"
	"time"

	"orderflow/domain/eventsourcing"
)

// ChangeFeed delivers what was appended to the event store to named consumers.
//
// To each consumer, whatever the others do:
//   - at least once: every record behind the consumer's offset, while the feed still holds it;
//   - in order within one aggregate (a record may come again later, but never for the first time before its predecessor's
//     first time, unless the feed lost the predecessor: then the consumer sees a hole and heals it from the event store);
//   - with back-pressure: a consumer that does not call Next costs a bounded amount of memory and holds nobody else up.
type ChangeFeed interface {
	// Subscribe starts delivery behind the consumer's saved offset.
	//
	// Errors: ErrNoOffset when the consumer has none, ErrOffsetExpired when the feed no longer holds what lies behind it.
	// Both mean: SeekEnd, bring the consumer up to date from the event store, subscribe.
	// One consumer has at most one open subscription; a second one is an error.
	Subscribe(ctx context.Context, consumer string) (Subscription, error)

	// SeekEnd saves, as the consumer's offset, the end of the feed: everything acknowledged to a writer before the call is
	// in the event store and may be absent from the feed; everything later is in the feed. An error while the consumer has
	// an open subscription.
	SeekEnd(ctx context.Context, consumer string) error

	// Lag says how far the consumer's committed offset is behind the end of the feed.
	Lag(ctx context.Context, consumer string) (Lag, error)
}

// Subscription is one consumer's delivery. Next is called by one goroutine at a time; Commit and Close by any.
type Subscription interface {
	// Next blocks until there is a delivery. It returns ErrOffsetExpired when the feed dropped records before this consumer
	// got to them (Close, then as for Subscribe), ErrClosed after Close, and the context's error when ctx ends; after an
	// error of the context or ErrUnavailable it may be called again and nothing is skipped.
	Next(ctx context.Context) (Delivery, error)

	// Commit says that all deliveries of this subscription in p.Stream, up to and including p, have had their effect. The
	// offset is saved so that it never survives a crash that the effects do not survive; at worst some records come again.
	// An older position than one already committed changes nothing.
	Commit(ctx context.Context, p Position) error

	// Close ends the subscription and gives the consumer's place free. What was committed is kept.
	Close() error
}

// Delivery is a record, or a heartbeat, and its place in the feed.
type Delivery struct {
	// Record is empty in a heartbeat.
	Record   eventsourcing.Record
	Position Position
	// Beat, when it is not zero, makes this a heartbeat: it is what was given to [Pulse].Beat, in UTC.
	Beat time.Time
}

// Pulse sends heartbeats the way that records go, so that a consumer can tell an idle feed from a dead one.
type Pulse interface {
	// Beat makes the feed deliver a heartbeat to every consumer that has an open subscription, behind all records that were
	// acknowledged before the call; a feed whose log may show a record late says what that means for it. Heartbeats go through
	// whatever records go through, in the store and in the feed. They are not kept for consumers that are not subscribed, do
	// not count in [Lag].Events, and may come twice, late or, when others follow, not at all: only one that arrives proves
	// something.
	//
	// at is UTC, in whole milliseconds. Errors: ErrUnavailable, ErrOutcomeUnknown.
	Beat(ctx context.Context, at time.Time) error
}

// Position is a place in one stream of a feed. It is opaque: only its feed compares positions. Within a stream, deliveries
// come in the order of their positions, and all records of one aggregate come in one stream.
type Position struct {
	Stream string
	Offset string
}

// Lag is how far a consumer is behind.
type Lag struct {
	// Events is the number of records between the consumer's offset and the end of the feed.
	Events uint64
	// Age is how long ago the oldest of them was committed; 0 when there is none.
	Age time.Duration
	// Known is false when the figures cannot be told (no offset yet, an expired one, a feed that cannot count); the others
	// are then zero and mean nothing.
	Known bool
}

// Strangers is implemented by a feed that others may write to. It tells what the feed has passed over because it is no event.
// Deliveries of such a feed are a hint, too: what has the form of an event is one only if the event store has it.
type Strangers interface {
	// Strangers returns what was passed over for a consumer since the process started, one for each kind, in the order of their
	// names. What was passed over twice counts twice. It does no I/O and may be called at any time.
	Strangers(consumer string) []Stranger
}

// Stranger is what was found of one kind of messages that are no events.
type Stranger struct {
	// Kind is the name of the kind, in lower case.
	Kind string
	// Count is how many messages, or batches of them that cannot be read, were passed over.
	Count uint64
	// Last is where the latest one is, and Reason why it is no event.
	Last   Position
	Reason string
}
