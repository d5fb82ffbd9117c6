package ports

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Explainer reports what each consumer has done with every event of an aggregate. Inbound adapters
// such as HTTP call it.
type Explainer interface {
	// Explain returns at most limit events after a sequence number, oldest event first, with what
	// each consumer has done with them. The consumer's view reports whether an event was applied.
	// The times come from the memory of this process, which holds the newest events only. It
	// returns ErrNotFound when there is no such aggregate.
	Explain(ctx context.Context, aggregateID uuid.UUID, after uint64, limit int) (Explanation, error)
}

// Explanation is the history of an aggregate with the work of its consumers.
type Explanation struct {
	AggregateID   uuid.UUID
	AggregateType string
	Events        []ExplainedEvent
	// More says that there are events after these.
	More bool
}

// ExplainedEvent is one event with the work of its consumers. Times are UTC.
type ExplainedEvent struct {
	EventID        uuid.UUID
	SequenceNumber uint64
	EventType      string
	EventVersion   int
	CommandID      uuid.UUID
	CorrelationID  uuid.UUID
	CausationID    uuid.UUID
	// TraceID is the id of the trace of the request that caused the event. It is empty when the
	// request was not traced.
	TraceID string
	// CreatedAt is when the command was decided, right before its events were committed. It is
	// stored with the event, in whole milliseconds. The times of the consumers are counted from it.
	CreatedAt time.Time
	// Consumers are in the order in which they were wired.
	Consumers []ExplainedConsumer
}

// ExplainedConsumer is what one consumer has done with one event.
type ExplainedConsumer struct {
	Consumer string
	// Applied reports whether the consumer has handled the event and every earlier one of the
	// aggregate.
	Applied bool
	// SeenAt is when the consumer first received the event. HandledAt is when it first finished it.
	// Both are zero when this process does not know. An event that was handled but is not applied
	// has been parked, or its aggregate is being tried again.
	SeenAt, HandledAt time.Time
	// Deliveries is how often the event was delivered to the consumer, as far as this process
	// knows.
	Deliveries int
	// Unknown says why there are no times. It is empty when there are some.
	Unknown ExplainGap
	// Placement is the place of the event in a topic. It is nil when there is no broker, and when
	// this process does not know the place.
	Placement *Placement
}

// Placement is a place in a topic.
type Placement struct {
	Partition int32
	Offset    int64
}

// ExplainGap says why the times of an event are not known.
type ExplainGap string

// The reasons for unknown times.
const (
	// GapBeforeStart: the event was committed before this process started.
	GapBeforeStart ExplainGap = "before_start"
	// GapForgotten: this process has dropped the times from its memory to make room for newer
	// events.
	GapForgotten ExplainGap = "forgotten"
	// GapElsewhere: the event was applied by another process, or from the event store instead of
	// the feed.
	GapElsewhere ExplainGap = "elsewhere"
	// GapWaiting: the event is not applied yet, and this process has not seen it.
	GapWaiting ExplainGap = "waiting"
)
