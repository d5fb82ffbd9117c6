package eventsourcing

import (
	"bytes"
	"maps"
	"time"

	"github.com/google/uuid"
)

// Header identifies an event and its origin. Records and Envelopes share it.
type Header struct {
	// EventID is unique over all events (UUIDv7, so it sorts roughly by time).
	EventID uuid.UUID
	// AggregateType is the type of the aggregate, such as "order"; see [CheckType].
	AggregateType string
	// AggregateID names the aggregate to whose history the event belongs. It is unique over all
	// types.
	AggregateID uuid.UUID
	// SequenceNumber is the place of the event in that history: 1 for the first event, without
	// gaps.
	SequenceNumber uint64
	// CommandID names the command that caused the event. All events of one command have the same
	// CommandID. Within one aggregate, no two commands share it.
	CommandID uuid.UUID
	// CorrelationID is shared by everything that one external request has caused.
	CorrelationID uuid.UUID
	// CausationID is the id of the message that directly caused the event: the command, or an
	// earlier event for a reaction.
	CausationID uuid.UUID
	// Metadata is the context of the command, such as its sender. No rule may depend on it. Nil and
	// empty are the same.
	Metadata map[string]string
	// CreatedAt is when the command was decided: UTC, whole milliseconds, never before the previous
	// event of the aggregate.
	CreatedAt time.Time
}

// Record is the stored form of an event.
type Record struct {
	Header
	// EventType is the persisted name of the event, such as "order.created". It is written by hand
	// and never derived from a Go name, so that renaming a type does not make stored events
	// unreadable.
	EventType string
	// EventVersion is the version of the payload's schema for this EventType, from 1.
	EventVersion int
	// Payload is the encoded event. Only the codec reads it.
	Payload []byte
}

// Clone returns a deep copy. It is for adapters that must not share memory with their callers.
func (r Record) Clone() Record {
	r.Metadata = maps.Clone(r.Metadata)
	r.Payload = bytes.Clone(r.Payload)
	return r
}

// Envelope is the typed form of an event.
type Envelope[E any] struct {
	Header
	Event E
}

// Untyped returns e with its event as any.
func Untyped[E any](e Envelope[E]) Envelope[any] {
	return Envelope[any]{Header: e.Header, Event: e.Event}
}

// UntypedAll returns events, each as [Untyped] does.
func UntypedAll[E any](events []Envelope[E]) []Envelope[any] {
	untyped := make([]Envelope[any], len(events))
	for i, e := range events {
		untyped[i] = Untyped(e)
	}
	return untyped
}

// Typed returns e with its event as an E. When the event is not an E, ok is false.
func Typed[E any](e Envelope[any]) (typed Envelope[E], ok bool) {
	event, ok := e.Event.(E)
	return Envelope[E]{Header: e.Header, Event: event}, ok
}

// Timestamp returns t with the precision that every store keeps: UTC, whole milliseconds.
func Timestamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
