package eventsourcing

import (
	"time"

	"github.com/google/uuid"
)

// Decider is an aggregate as three pure functions over its commands C, its state S and its events
// E.
type Decider[C, S, E any] struct {
	// Initial is the state before the first event.
	Initial S
	// Decide returns the events that command causes in state, in order, or the reason why the
	// command is refused. No events and no error mean that the command changes nothing.
	Decide func(state S, command C) ([]E, error)
	// Evolve returns the state after event. It is total: it accepts every event in every state.
	Evolve func(state S, event E) S
}

// Fold applies history to state, oldest first.
func Fold[S, E any](state S, evolve func(S, E) S, history []Envelope[E]) S {
	for _, e := range history {
		state = evolve(state, e.Event)
	}
	return state
}

// Cause is the command that caused some events, with its context. Its fields are copied to the
// [Header] of each event.
type Cause struct {
	AggregateType string
	AggregateID   uuid.UUID
	CommandID     uuid.UUID
	CorrelationID uuid.UUID
	CausationID   uuid.UUID
	Metadata      map[string]string
	// At is truncated to the precision of [Timestamp].
	At time.Time
}

// Stamp numbers events from head+1 and wraps each in an Envelope. It calls newID once for each
// event, in order.
func Stamp[E any](cause Cause, head uint64, events []E, newID func() uuid.UUID) []Envelope[E] {
	envelopes := make([]Envelope[E], 0, len(events))
	at := Timestamp(cause.At)
	for i, event := range events {
		envelopes = append(envelopes, Envelope[E]{
			Header: Header{
				EventID:        newID(),
				AggregateType:  cause.AggregateType,
				AggregateID:    cause.AggregateID,
				SequenceNumber: head + uint64(i) + 1,
				CommandID:      cause.CommandID,
				CorrelationID:  cause.CorrelationID,
				CausationID:    cause.CausationID,
				Metadata:       cause.Metadata,
				CreatedAt:      at,
			},
			Event: event,
		})
	}
	return envelopes
}
