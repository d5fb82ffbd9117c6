package eventjson

import (
	"bytes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// sealVersion is the prefix of a sealed text. After it comes, in URL-safe base64 without padding,
// what AES-256-GCM makes of the JSON value of the field, with its random nonce before it.
const sealVersion = "v1."

// sealedNothing is the sealed text of a field whose subject was erased before the field was stored.
// There is nothing to open, so it needs no key.
const sealedNothing = "erased"

// Seal seals personal fields of events with the keys of their subjects, and opens them. A sealed
// value is bound to its place: to the id, the type and the version of the event, the field and the
// subject. It is safe for concurrent use.
type Seal struct {
	keys ports.SubjectCiphers
}

// NewSeal returns a Seal with the ciphers of these keys.
func NewSeal(keys ports.SubjectCiphers) *Seal { return &Seal{keys: keys} }

// seal seals fields of r.
func (s *Seal) seal(r *eventsourcing.Record, fields []string) error {
	if len(fields) == 0 {
		return nil
	}
	subject := ports.Subject(r.Metadata[ports.MetadataSubject])
	if subject == "" {
		return errors.New("the event has personal fields, and its metadata names no subject")
	}
	aead, err := s.keys.SubjectCipher(subject, true)
	if err != nil {
		return err
	}
	var at []byte
	r.Payload, err = editValid(r.Payload, func(name string, value json.RawMessage) (json.RawMessage, error) {
		if !slices.Contains(fields, name) {
			return nil, nil
		}
		at = place(at[:0], r, name, subject)
		return sealed(aead, value, at), nil
	})
	return err
}

// sealStored seals the open fields of an event that was stored without a key. Fields that are
// sealed, or null, stay as they are. The data of an erased subject is dropped.
func (s *Seal) sealStored(r *eventsourcing.Record, fields []string) error {
	subject := ports.Subject(r.Metadata[ports.MetadataSubject])
	var aead cipher.AEAD
	gone := false
	payload, err := edit(r.Payload, func(name string, value json.RawMessage) (_ json.RawMessage, err error) {
		if _, is := sealedText(value); is || !slices.Contains(fields, name) || string(value) == string(null) {
			return nil, nil
		}
		if subject == "" {
			return nil, fmt.Errorf("%s is personal, and the metadata names no subject", name)
		}
		if aead == nil && !gone {
			aead, err = s.keys.SubjectCipher(subject, true)
			if gone = errors.Is(err, ports.ErrSubjectErased); err != nil && !gone {
				return nil, err
			}
		}
		if gone {
			return json.RawMessage(sealedFrom + sealedNothing + sealedTo), nil
		}
		return sealed(aead, value, place(nil, r, name, subject)), nil
	})
	if err == nil {
		r.Payload = payload
	}
	return err
}

// sealed returns the sealed form of the value of a field, at its place.
func sealed(aead cipher.AEAD, value json.RawMessage, at []byte) json.RawMessage {
	data := aead.Seal(nil, nil, value, at)
	room := len(sealedFrom) + len(sealVersion) + base64.RawURLEncoding.EncodedLen(len(data)) + len(sealedTo)
	text := append(append(make([]byte, 0, room), sealedFrom...), sealVersion...)
	// the alphabet has nothing that JSON would escape
	return append(base64.RawURLEncoding.AppendEncode(text, data), sealedTo...)
}

// open returns the payload of r with open fields. An erased field becomes instead.
func (s *Seal) open(r *eventsourcing.Record, instead json.RawMessage) ([]byte, error) {
	if !bytes.Contains(r.Payload, mark) {
		return r.Payload, nil
	}
	subject := ports.Subject(r.Metadata[ports.MetadataSubject])
	var aead cipher.AEAD
	var at []byte
	gone := false
	return edit(r.Payload, func(name string, value json.RawMessage) (json.RawMessage, error) {
		text, ok := sealedText(value)
		if !ok {
			return nil, nil
		}
		if text == sealedNothing {
			return instead, nil
		}
		if s == nil {
			return nil, fmt.Errorf("%s is sealed, and this process has no key of personal data", name)
		}
		if subject == "" {
			return nil, fmt.Errorf("%s is sealed, and the metadata names no subject", name)
		}
		if aead == nil && !gone {
			var err error
			aead, err = s.keys.SubjectCipher(subject, false)
			if gone = errors.Is(err, ports.ErrSubjectErased); err != nil && !gone {
				return nil, err
			}
		}
		if gone {
			return instead, nil
		}
		encoded, known := strings.CutPrefix(text, sealVersion)
		if !known {
			return nil, newer(name + " is sealed in an unknown way")
		}
		data, err := base64.RawURLEncoding.DecodeString(encoded)
		if err == nil {
			at = place(at[:0], r, name, subject)
			value, err = aead.Open(nil, nil, data, at)
		}
		if err != nil {
			return nil, fmt.Errorf("%s was changed after it was sealed, or belongs to another event", name)
		}
		return value, nil
	})
}

// place appends to b what a sealed value is bound to. Each part has its length before it, so that
// two different places are never the same bytes.
func place(b []byte, r *eventsourcing.Record, field string, subject ports.Subject) []byte {
	b = append(slices.Grow(b, 128), r.EventID[:]...)
	b = binary.AppendUvarint(b, uint64(r.EventVersion))
	for _, text := range []string{r.EventType, field, string(subject)} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	return b
}
