package watermillkafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
)

// Handled stores how far the events of each aggregate were handled. It is safe for concurrent use.
// Processes that share a consumer group share its contents.
type Handled interface {
	// Last returns the sequence number of the last event of an aggregate that was handled. 0 means
	// none.
	Last(ctx context.Context, aggregateID uuid.UUID) (uint64, error)
	// Set stores that an event was handled. A number that is not above the last one changes
	// nothing. Its context does not end with that of the message, but after 10 seconds.
	Set(ctx context.Context, aggregateID uuid.UUID, sequenceNumber uint64) error
}

// setTimeout bounds a call of Handled.Set.
const setTimeout = 10 * time.Second

// Dedupe is a middleware that drops events that were handled before, and messages that are no
// events.
type Dedupe struct {
	// Handled is required.
	Handled Handled
	// OnStranger is called for each message that is no event, before it is dropped. It is called
	// concurrently. It may be nil.
	OnStranger func(*message.Message, *StrangerError)
}

// Middleware returns a handler that calls h for each message that is an event whose sequence number
// is above that of the last handled event of its aggregate. It acknowledges all other messages and
// drops them. When h has succeeded, the event counts as handled.
//
// An event that is further ahead than the next one is given to h, because it is what the topic
// holds. Errors are those of h and of Handled. After an error the message comes again.
//
// h must return no messages; otherwise there is an error. The router would publish them when the
// event already counts as handled, and a message that could not be published would be lost. A
// handler that publishes must do so itself, before it returns.
func (d Dedupe) Middleware(h message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		event, err := EventOf(m)
		if stranger, ok := errors.AsType[*StrangerError](err); ok {
			if d.OnStranger != nil {
				d.OnStranger(m, stranger)
			}
			return nil, nil
		}
		last, err := d.Handled.Last(m.Context(), event.AggregateID)
		if err != nil {
			return nil, fmt.Errorf("last handled event of %s: %w", event.AggregateID, err)
		}
		if event.SequenceNumber <= last {
			return nil, nil
		}
		produced, err := h(m)
		if err != nil {
			return nil, err
		}
		if len(produced) > 0 {
			return nil, errMessages
		}
		// The event has had its effect. It must be stored as handled although the process stops
		// now.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(m.Context()), setTimeout)
		defer cancel()
		if err := d.Handled.Set(ctx, event.AggregateID, event.SequenceNumber); err != nil {
			return nil, fmt.Errorf("event %d of %s is handled, and comes again: %w",
				event.SequenceNumber, event.AggregateID, err)
		}
		return nil, nil
	}
}

var errMessages = errors.New("the handler returns messages, which Dedupe cannot see published: have it publish them itself")

// Memory keeps in memory how far events were handled, as long as the process runs. It grows with
// the number of aggregates. The zero value is ready.
type Memory struct {
	mu   sync.Mutex
	last map[uuid.UUID]uint64
}

var _ Handled = (*Memory)(nil)

// Last implements [Handled]. Its error is that of ctx.
func (s *Memory) Last(ctx context.Context, aggregateID uuid.UUID) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[aggregateID], ctx.Err()
}

// Set implements [Handled]. Its error is that of ctx.
func (s *Memory) Set(ctx context.Context, aggregateID uuid.UUID, sequenceNumber uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = make(map[uuid.UUID]uint64)
	}
	s.last[aggregateID] = max(s.last[aggregateID], sequenceNumber)
	return nil
}
