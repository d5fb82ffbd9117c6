package eventjson

import (
	"encoding/json"
	"fmt"
	"slices"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Sealed returns a Mux of the same aggregate types whose codecs seal and open personal fields, see
// [Codec.Sealed]. Types that are registered later are not in it.
func (m *Mux) Sealed(seal *Seal) *Mux {
	sealed := &Mux{codecs: make(map[string]member, len(m.codecs)), seal: seal}
	for name, codec := range m.codecs {
		sealed.codecs[name] = codec.sealed(seal)
	}
	return sealed
}

// Shown returns the codec for documents that are shown to people and clients. Encode seals nothing,
// and an erased field is null. Decode is that of m.
func (m *Mux) Shown() ports.Codec[any] { return shownCodec{m, m.Sealed(nil)} }

type shownCodec struct{ stored, plain *Mux }

func (c shownCodec) Encode(e eventsourcing.Envelope[any]) (eventsourcing.Record, error) {
	r, err := c.plain.Encode(e)
	r.Payload = shown(r.Payload)
	return r, err
}

func (c shownCodec) Decode(r eventsourcing.Record) (eventsourcing.Envelope[any], error) {
	return c.stored.Decode(r)
}

// Open returns r with open fields, and null for a field whose subject was erased. Nothing else of r
// is changed, and its version stays. The errors are those of Decode.
func (m *Mux) Open(r eventsourcing.Record) (eventsourcing.Record, error) {
	payload, err := m.seal.open(&r, null)
	if err != nil {
		return eventsourcing.Record{}, readError(r, err)
	}
	r.Payload = payload
	return r, nil
}

// SealStored returns r with sealed personal fields, for an event that was stored before there was a
// key. Its metadata names the subject, unless it has no personal fields. A field whose subject was
// erased is stored as erased, and its text is dropped. Nothing else of r is changed: the version
// stays. It panics without a seal.
//
// Errors: a *[ports.DecodeError] for a payload that is no object, or without the subject; those of
// the keys.
func (m *Mux) SealStored(r eventsourcing.Record) (eventsourcing.Record, error) {
	fields := m.personal(r)
	if len(fields) == 0 {
		return r, nil
	}
	if err := m.seal.sealStored(&r, fields); err != nil {
		return eventsourcing.Record{}, readError(r, err)
	}
	return r, nil
}

// Omit returns r with null for each personal field, whether it is sealed or not. It needs no key.
// Nothing else of r is changed. It returns a *[ports.DecodeError] for a payload that is no object.
func (m *Mux) Omit(r eventsourcing.Record) (eventsourcing.Record, error) {
	fields := m.personal(r)
	if len(fields) == 0 {
		return r, nil
	}
	payload, err := edit(r.Payload, func(name string, _ json.RawMessage) (json.RawMessage, error) {
		if slices.Contains(fields, name) {
			return null, nil
		}
		return nil, nil
	})
	if err != nil {
		return eventsourcing.Record{}, decodeError(r, err)
	}
	r.Payload = payload
	return r, nil
}

// PlainFields counts the personal fields of r that are stored open: those of events that were
// stored before there was a key.
func (m *Mux) PlainFields(r eventsourcing.Record) (int, error) {
	fields, plain := m.personal(r), 0
	if len(fields) == 0 {
		return 0, nil
	}
	_, err := edit(r.Payload, func(name string, value json.RawMessage) (json.RawMessage, error) {
		if _, ok := sealedText(value); !ok && slices.Contains(fields, name) && string(value) != string(null) {
			plain++
		}
		return nil, nil
	})
	if err != nil {
		return 0, fmt.Errorf("count plain fields: %w", decodeError(r, err))
	}
	return plain, nil
}

func (m *Mux) personal(r eventsourcing.Record) []string {
	codec := m.codecs[r.AggregateType]
	if codec == nil {
		return nil
	}
	return codec.personal(r.EventType)
}
