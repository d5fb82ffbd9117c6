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
// whose payloads have at most memoPayload bytes each, which is some megabytes at the most. An event
// that names a subject is not remembered, because its personal data may be erased at any time. A
// Memo is safe for concurrent use.
type Memo struct {
	decoder ports.Decoder
	slots   [memoSlots]atomic.Pointer[remembered]
}

const (
	memoSlots   = 1024 // a power of two
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
	if r.Metadata[ports.MetadataSubject] != "" {
		return m.decoder.Decode(r)
	}
	slot := &m.slots[binary.LittleEndian.Uint64(r.EventID[8:])>>8%memoSlots]
	if known := slot.Load(); known != nil && known.id == r.EventID && known.eventVersion == r.EventVersion &&
		known.aggregateType == r.AggregateType && known.eventType == r.EventType && bytes.Equal(known.payload, r.Payload) {
		return eventsourcing.Envelope[any]{Header: r.Header, Event: known.event}, nil
	}
	decoded, err := m.decoder.Decode(r)
	if err == nil && len(r.Payload) <= memoPayload {
		slot.Store(&remembered{
			id: r.EventID, aggregateType: r.AggregateType, eventType: r.EventType, eventVersion: r.EventVersion,
			payload: r.Payload, event: decoded.Event,
		})
	}
	return decoded, err
}
