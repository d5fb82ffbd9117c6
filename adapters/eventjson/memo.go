package eventjson

import (
	"bytes"
	"encoding/binary"
	"sync/atomic"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Memo is a [ports.Decoder] that remembers the events that it decoded last. Several consumers of
// one process decode the same records soon after each other, and then only the first one does the
// work. What the others get is the same event, which nobody modifies.
//
// An event is remembered for its id, and is used only for a record that has the same type, version
// and payload. So a memo answers what its decoder would. Its memory is bounded: memoSlots events
// whose payloads have at most memoPayload bytes each, which is 16 MiB at the most, and a tenth of
// it for events of the usual size. An event with a sealed field is not remembered, because its
// personal data may be erased at any time. A Memo is safe for concurrent use.
type Memo struct {
	decoder ports.Decoder
	slots   [memoSlots]atomic.Pointer[remembered]
}

const (
	memoSlots   = 4096 // a power of two
	memoPayload = 4096
)

var _ ports.Decoder = (*Memo)(nil)

// remembered is an event, and what it was decoded from.
type remembered struct {
	id            uuid.UUID
	aggregateType string
	eventType     string
	eventVersion  int
	payload       []byte
	event         any
}

// NewMemo returns a Memo that remembers nothing yet.
func NewMemo(decoder ports.Decoder) *Memo { return &Memo{decoder: decoder} }

// Decode implements [ports.Decoder].
func (m *Memo) Decode(r eventsourcing.Record) (eventsourcing.Envelope[any], error) {
	slot := m.slot(r.EventID)
	if known := slot.Load(); known != nil && known.id == r.EventID && known.eventVersion == r.EventVersion &&
		known.aggregateType == r.AggregateType && known.eventType == r.EventType && bytes.Equal(known.payload, r.Payload) {
		return eventsourcing.Envelope[any]{Header: r.Header, Event: known.event}, nil
	}
	decoded, err := m.decoder.Decode(r)
	if err == nil && memorable(&r) {
		m.remember(&r, decoded.Event)
	}
	return decoded, err
}

func (m *Memo) slot(id uuid.UUID) *atomic.Pointer[remembered] {
	return &m.slots[binary.LittleEndian.Uint64(id[8:])>>8%memoSlots]
}

// memorable reports whether the event of a record may be remembered.
func memorable(r *eventsourcing.Record) bool {
	return len(r.Payload) <= memoPayload && !bytes.Contains(r.Payload, mark)
}

// remember remembers the event of a record that is memorable.
func (m *Memo) remember(r *eventsourcing.Record, event any) {
	m.slot(r.EventID).Store(&remembered{
		id: r.EventID, aggregateType: r.AggregateType, eventType: r.EventType, eventVersion: r.EventVersion,
		payload: r.Payload, event: event,
	})
}

// Remembering returns a codec whose events memo remembers when they are encoded. So the consumers
// of the process that appended an event do not decode it at all. Decoding what the codec encodes
// must give the same event again, but for an empty list in the place of none: then nobody sees a
// difference. Nobody modifies an event that was encoded.
func Remembering[E any](codec ports.Codec[E], memo *Memo) ports.Codec[E] {
	return remembering[E]{codec, memo}
}

type remembering[E any] struct {
	ports.Codec[E]
	memo *Memo
}

// Encode implements [ports.Codec].
func (c remembering[E]) Encode(e eventsourcing.Envelope[E]) (eventsourcing.Record, error) {
	r, err := c.Codec.Encode(e)
	if err == nil && r.Metadata[ports.MetadataSubject] == "" && memorable(&r) {
		remembered := r
		remembered.Payload = bytes.Clone(r.Payload) // the record is the caller's
		c.memo.remember(&remembered, e.Event)
	}
	return r, err
}
