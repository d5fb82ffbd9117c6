package eventjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Config describes the events of one aggregate type.
type Config[E any] struct {
	AggregateType string
	// Schemas says how to read the payloads of each event type, by its persisted name.
	Schemas map[string]Schema[E]
	// Payload returns the persisted name of an event, and a value that marshals to its payload in
	// the newest version. It refuses events that it does not know.
	Payload func(E) (name string, payload any, err error)
}

// Schema says how to read the payloads of one event type.
type Schema[E any] struct {
	// Upcasters[i] turns a payload of version i+1 into one of version i+2.
	Upcasters []Upcaster
	// Decode reads a payload of the newest version; see [Read].
	Decode func(payload []byte) (E, error)
}

// Newest is the version that Encode writes.
func (s Schema[E]) Newest() int { return len(s.Upcasters) + 1 }

// Codec implements [ports.Codec] for the events E of one aggregate type. It is immutable and safe
// for concurrent use.
type Codec[E any] struct {
	config Config[E]
}

// New returns a Codec.
func New[E any](config Config[E]) *Codec[E] { return &Codec[E]{config} }

// Types returns the persisted names of the events, sorted.
func (c *Codec[E]) Types() []string { return slices.Sorted(maps.Keys(c.config.Schemas)) }

// Encode returns the stored form of e, in the newest version. It refuses an event that is nil, a
// pointer, of an unknown Go type, or of another aggregate type, and whatever Config.Payload
// refuses.
func (c *Codec[E]) Encode(e eventsourcing.Envelope[E]) (eventsourcing.Record, error) {
	if e.AggregateType != c.config.AggregateType {
		return eventsourcing.Record{}, fmt.Errorf("encode %T: %w", e.Event, c.otherType(e.AggregateType))
	}
	name, payload, err := c.config.Payload(e.Event)
	if err != nil {
		return eventsourcing.Record{}, fmt.Errorf("encode %T: %w", e.Event, err)
	}
	data, err := json.Marshal(payload)
	if err != nil {
		return eventsourcing.Record{}, fmt.Errorf("encode %T: %w", e.Event, err)
	}
	return eventsourcing.Record{
		Header:       e.Header,
		EventType:    name,
		EventVersion: c.config.Schemas[name].Newest(),
		Payload:      data,
	}, nil
}

// Decode returns the typed form of r, in whatever version it was written. Every error is a
// *[ports.DecodeError].
func (c *Codec[E]) Decode(r eventsourcing.Record) (eventsourcing.Envelope[E], error) {
	event, err := c.decode(r)
	if err != nil {
		return eventsourcing.Envelope[E]{}, decodeError(r, err)
	}
	return eventsourcing.Envelope[E]{Header: r.Header, Event: event}, nil
}

func (c *Codec[E]) decode(r eventsourcing.Record) (event E, err error) {
	if r.AggregateType != c.config.AggregateType {
		return event, c.otherType(r.AggregateType)
	}
	s, known := c.config.Schemas[r.EventType]
	if !known {
		return event, newer("unknown event type")
	}
	if r.EventVersion > s.Newest() {
		return event, newer(fmt.Sprintf("unknown version; known are 1 to %d", s.Newest()))
	}
	if r.EventVersion < 1 {
		return event, fmt.Errorf("unknown version; known are 1 to %d", s.Newest())
	}
	payload := r.Payload
	for i, upcast := range s.Upcasters[r.EventVersion-1:] {
		if payload, err = upcast(payload); err != nil {
			return event, fmt.Errorf("upcast to version %d: %w", r.EventVersion+i+1, err)
		}
	}
	event, err = s.Decode(payload)
	if err != nil && r.EventVersion < s.Newest() {
		return event, fmt.Errorf("upcast to version %d: %w", s.Newest(), err)
	}
	return event, err
}

func (c *Codec[E]) otherType(found string) error {
	return fmt.Errorf("the aggregate type is %q, not %s", found, c.config.AggregateType)
}

// newer is the error for an event that a newer version of the program has written.
type newer string

func (n newer) Error() string { return string(n) }

func decodeError(r eventsourcing.Record, err error) error {
	return &ports.DecodeError{
		EventID:        r.EventID,
		AggregateID:    r.AggregateID,
		SequenceNumber: r.SequenceNumber,
		EventType:      r.EventType,
		EventVersion:   r.EventVersion,
		Newer:          errors.As(err, new(newer)),
		Err:            err,
	}
}
