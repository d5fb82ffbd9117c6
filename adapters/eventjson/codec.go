package eventjson

import (
	"encoding/json"
	"errors"
	"fmt"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

// Codec implements [ports.Codec] for the events of an order. It is immutable and safe for concurrent use.
type Codec struct {
	schemas map[string]schema
}

var _ ports.Codec[order.Event] = (*Codec)(nil)

// New returns a Codec.
func New() *Codec { return &Codec{schemas: schemas()} }

// Encode returns the stored form of e, in the newest version. It refuses events that are nil, a pointer or of a type that it
// does not know, and text that is not UTF-8.
func (c *Codec) Encode(e eventsourcing.Envelope[order.Event]) (eventsourcing.Record, error) {
	name, payload, err := toPayload(e.Event)
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
		EventVersion: c.schemas[name].newest(),
		Payload:      data,
	}, nil
}

// Decode returns the typed form of r, whatever version it was written in. Every error is a *[ports.DecodeError].
func (c *Codec) Decode(r eventsourcing.Record) (eventsourcing.Envelope[order.Event], error) {
	event, err := c.decode(r.EventType, r.EventVersion, r.Payload)
	if err != nil {
		return eventsourcing.Envelope[order.Event]{}, &ports.DecodeError{
			EventID:        r.EventID,
			AggregateID:    r.AggregateID,
			SequenceNumber: r.SequenceNumber,
			EventType:      r.EventType,
			EventVersion:   r.EventVersion,
			Err:            err,
		}
	}
	return eventsourcing.Envelope[order.Event]{Header: r.Header, Event: event}, nil
}

func (c *Codec) decode(name string, version int, payload []byte) (order.Event, error) {
	s, known := c.schemas[name]
	if !known {
		return nil, errors.New("unknown event type")
	}
	if version < 1 || version > s.newest() {
		return nil, fmt.Errorf("unknown version; known are 1 to %d", s.newest())
	}
	for i, upcast := range s.upcasters[version-1:] {
		var err error
		if payload, err = upcast(payload); err != nil {
			return nil, fmt.Errorf("upcast to version %d: %w", version+i+1, err)
		}
	}
	event, err := s.decode(payload)
	if err != nil && version < s.newest() {
		return nil, fmt.Errorf("upcast to version %d: %w", s.newest(), err)
	}
	return event, err
}
