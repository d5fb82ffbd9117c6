package eventjson

import (
	"fmt"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Mux implements [ports.Codec] for the events of several aggregate types. It passes each event to
// the codec of its type. The zero Mux knows no type.
type Mux struct {
	codecs map[string]member
	seal   *Seal
}

// member is the codec of one aggregate type.
type member interface {
	ports.Codec[any]
	sealed(seal *Seal) member
	personal(eventType string) []string
}

var (
	_ ports.Codec[any] = (*Mux)(nil)
	_ ports.Decoder    = (*Mux)(nil)
)

// Register adds codec to m, for the aggregate type of its events. It is not safe for concurrent
// use, and must be called before the first use of m. A second codec for one type is a bug and
// panics.
func Register[E any](m *Mux, codec *Codec[E]) {
	name := codec.config.AggregateType
	if m.codecs[name] != nil {
		panic(fmt.Sprintf("eventjson: a second codec for aggregate type %s", name))
	}
	if m.codecs == nil {
		m.codecs = make(map[string]member)
	}
	m.codecs[name] = untyped[E]{codec}
}

// Encode implements [ports.Codec].
func (m *Mux) Encode(e eventsourcing.Envelope[any]) (eventsourcing.Record, error) {
	codec := m.codecs[e.AggregateType]
	if codec == nil {
		return eventsourcing.Record{}, fmt.Errorf("encode %T: %w", e.Event, unknownType(e.AggregateType))
	}
	return codec.Encode(e)
}

// Decode implements [ports.Decoder]. A record of an unknown aggregate type is a
// *[ports.DecodeError].
func (m *Mux) Decode(r eventsourcing.Record) (eventsourcing.Envelope[any], error) {
	codec := m.codecs[r.AggregateType]
	if codec == nil {
		return eventsourcing.Envelope[any]{}, decodeError(r, unknownType(r.AggregateType))
	}
	return codec.Decode(r)
}

func unknownType(name string) error { return newer(fmt.Sprintf("unknown aggregate type %q", name)) }

// untyped is a codec whose events have type any.
type untyped[E any] struct{ codec *Codec[E] }

func (u untyped[E]) sealed(seal *Seal) member { return untyped[E]{u.codec.Sealed(seal)} }

func (u untyped[E]) personal(eventType string) []string { return u.codec.config.Personal[eventType] }

func (u untyped[E]) Encode(e eventsourcing.Envelope[any]) (eventsourcing.Record, error) {
	typed, ok := eventsourcing.Typed[E](e)
	if !ok {
		return eventsourcing.Record{}, fmt.Errorf("encode %T: not an event of aggregate type %s", e.Event, e.AggregateType)
	}
	return u.codec.Encode(typed)
}

func (u untyped[E]) Decode(r eventsourcing.Record) (eventsourcing.Envelope[any], error) {
	e, err := u.codec.Decode(r)
	if err != nil {
		return eventsourcing.Envelope[any]{}, err
	}
	return eventsourcing.Untyped(e), nil
}
