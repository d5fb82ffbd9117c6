package ports

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Explainer tells what became of every event of an order. Ways in such as HTTP call it.
type Explainer interface {
	// Explain returns the whole history of an order, oldest event first, with what each consumer has made of it. Whether an
	// event was applied is what the consumer's view says; when that was is what this process has seen, and it remembers the
	// newest events only. ErrNotFound when there is no such order.
	Explain(ctx context.Context, aggregateID uuid.UUID) (Explanation, error)
}

// Explanation is the way of an order's events.
type Explanation struct {
	AggregateID   uuid.UUID
	AggregateType string
	Events        []ExplainedEvent
}

// ExplainedEvent is the way of one event. Times are UTC.
type ExplainedEvent struct {
	EventID        uuid.UUID
	SequenceNumber uint64
	EventType      string
	EventVersion   int
	CommandID      uuid.UUID
	CorrelationID  uuid.UUID
	CausationID    uuid.UUID
	// TraceID is that of the request that caused the event; empty when it was not traced.
	TraceID string
	// CreatedAt is when the command was decided, right before its events were committed. It is stored with the event, in whole
	// milliseconds, and the times of the consumers count from it.
	CreatedAt time.Time
	// Consumers are in the order in which they were wired.
	Consumers []ExplainedConsumer
}

// ExplainedConsumer is what one consumer has made of one event.
type ExplainedConsumer struct {
	Consumer string
	// Applied is whether the consumer has handled the event, and every earlier one of the order.
	Applied bool
	// SeenAt is when the consumer took the event in hand for the first time, HandledAt when it was first done with it; zero
	// when this process does not know. What was handled and is not applied was set aside.
	SeenAt, HandledAt time.Time
	// Deliveries is how often the event was handed to the consumer, as far as this process knows.
	Deliveries int
	// Unknown says why there are no times; empty when there are some.
	Unknown ExplainGap
	// Placement is where a broker has put the event; nil when this process does not know, or there is no broker.
	Placement *Placement
}

// Placement is a place in a topic.
type Placement struct {
	Partition int32
	Offset    int64
}

// ExplainGap says why nothing is known about the times of an event.
type ExplainGap string

// The reasons.
const (
	// GapBeforeStart: the event was committed before this process started.
	GapBeforeStart ExplainGap = "before_start"
	// GapForgotten: newer events have taken its place in the memory of this process.
	GapForgotten ExplainGap = "forgotten"
	// GapElsewhere: applied, and not by way of this process's feed: by another process, or from the event store.
	GapElsewhere ExplainGap = "elsewhere"
	// GapWaiting: not applied yet, and not seen by this process.
	GapWaiting ExplainGap = "waiting"
)
