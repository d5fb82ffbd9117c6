package eventjson

import (
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
	// Personal lists the fields of each payload that have personal data: texts at its top level, by
	// the persisted name of the event. Names of older versions are listed as well.
	Personal map[string][]string
	// Payload returns the persisted name of an event, and a value that marshals to its payload in
	// the newest version. The value may be an [Appender]. Payload refuses events that it does not
	// know.
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
	seal   *Seal
}

// New returns a Codec that seals nothing, and cannot read what was sealed.
func New[E any](config Config[E]) *Codec[E] { return &Codec[E]{config: config} }

// Sealed returns a codec that seals the personal fields of events, and opens them. It also reads
// what was stored open. A nil seal gives a codec as New does.
func (c *Codec[E]) Sealed(seal *Seal) *Codec[E] { return &Codec[E]{c.config, seal} }

// Types returns the persisted names of the events, sorted.
func (c *Codec[E]) Types() []string { return slices.Sorted(maps.Keys(c.config.Schemas)) }

// Encode returns the stored form of e, in the newest version. It refuses an event that is nil, a
// pointer, of an unknown Go type, or of another aggregate type, and whatever Config.Payload
// refuses. With a seal it also refuses an event with personal fields whose metadata names no
// subject, and whatever the keys refuse, such as an erased subject.
func (c *Codec[E]) Encode(e eventsourcing.Envelope[E]) (eventsourcing.Record, error) {
	if e.AggregateType != c.config.AggregateType {
		return eventsourcing.Record{}, fmt.Errorf("encode %T: %w", e.Event, c.otherType(e.AggregateType))
	}
	name, payload, err := c.config.Payload(e.Event)
	if err != nil {
		return eventsourcing.Record{}, fmt.Errorf("encode %T: %w", e.Event, err)
	}
	data, err := marshal(payload)
	if err != nil {
		return eventsourcing.Record{}, fmt.Errorf("encode %T: %w", e.Event, err)
	}
	r := eventsourcing.Record{
		Header:       e.Header,
		EventType:    name,
		EventVersion: c.config.Schemas[name].Newest(),
		Payload:      data,
	}
	if c.seal != nil {
		if err := c.seal.seal(&r, c.config.Personal[name]); err != nil {
			return eventsourcing.Record{}, fmt.Errorf("seal %T: %w", e.Event, err)
		}
	}
	return r, nil
}

// Decode returns the typed form of r, in whatever version it was written. A field whose subject was
// erased is [eventsourcing.Erased]. Every error is a *[ports.DecodeError], except for
// [ports.ErrUnavailable] when the keys cannot be had at the moment.
func (c *Codec[E]) Decode(r eventsourcing.Record) (eventsourcing.Envelope[E], error) {
	event, err := c.decode(r)
	if err != nil {
		return eventsourcing.Envelope[E]{}, readError(r, err)
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
	payload, err := c.seal.open(&r, erased)
	if err != nil {
		return event, err
	}
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

// readError is the error for a record that was not read.
func readError(r eventsourcing.Record, err error) error {
	if errors.Is(err, ports.ErrUnavailable) || errors.Is(err, ports.ErrClosed) {
		return fmt.Errorf("decode %s (event %s): %w", r.EventType, r.EventID, err)
	}
	return decodeError(r, err)
}

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
