package eventjson

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// keyPatience bounds the wait for a key that is not in memory.
const keyPatience = 5 * time.Second

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
	keys ports.SubjectKeys
}

// NewSeal returns a Seal with these keys.
func NewSeal(keys ports.SubjectKeys) *Seal { return &Seal{keys: keys} }

// cipherOf returns the cipher of a subject. It waits for its key at most keyPatience.
func (s *Seal) cipherOf(subject ports.Subject, create bool) (cipher.AEAD, error) {
	// A codec has no context. It is called where a context is checked around it, and this wait is
	// short.
	ctx, cancel := context.WithTimeout(context.Background(), keyPatience)
	defer cancel()
	key, err := s.keys.SubjectKey(ctx, subject, create)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("no key of subject %s within %s: %w", subject, keyPatience, ports.ErrUnavailable)
		}
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal seals fields of r.
func (s *Seal) seal(r *eventsourcing.Record, fields []string) error {
	if len(fields) == 0 {
		return nil
	}
	subject := ports.Subject(r.Metadata[ports.MetadataSubject])
	if subject == "" {
		return errors.New("the event has personal fields, and its metadata names no subject")
	}
	aead, err := s.cipherOf(subject, true)
	if err != nil {
		return err
	}
	r.Payload, err = edit(r.Payload, func(name string, value json.RawMessage) (json.RawMessage, error) {
		if !slices.Contains(fields, name) {
			return nil, nil
		}
		return s.value(aead, r, name, subject, value)
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
			aead, err = s.cipherOf(subject, true)
			if gone = errors.Is(err, ports.ErrSubjectErased); err != nil && !gone {
				return nil, err
			}
		}
		if gone {
			return sealed(sealedNothing)
		}
		return s.value(aead, r, name, subject, value)
	})
	if err == nil {
		r.Payload = payload
	}
	return err
}

// value seals the value of a field.
func (s *Seal) value(
	aead cipher.AEAD, r *eventsourcing.Record, name string, subject ports.Subject, value json.RawMessage,
) (json.RawMessage, error) {
	data := aead.Seal(nil, nil, value, place(r, name, subject))
	return sealed(sealVersion + base64.RawURLEncoding.EncodeToString(data))
}

func sealed(text string) (json.RawMessage, error) { return json.Marshal(sealedValue{&text}) }

// open returns the payload of r with open fields. An erased field becomes instead.
func (s *Seal) open(r *eventsourcing.Record, instead json.RawMessage) ([]byte, error) {
	if !bytes.Contains(r.Payload, mark) {
		return r.Payload, nil
	}
	subject := ports.Subject(r.Metadata[ports.MetadataSubject])
	var aead cipher.AEAD
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
			aead, err = s.cipherOf(subject, false)
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
			value, err = aead.Open(nil, nil, data, place(r, name, subject))
		}
		if err != nil {
			return nil, fmt.Errorf("%s was changed after it was sealed, or belongs to another event", name)
		}
		return value, nil
	})
}

// place is what a sealed value is bound to. Each part has its length before it, so that two
// different places are never the same bytes.
func place(r *eventsourcing.Record, field string, subject ports.Subject) []byte {
	b := append(make([]byte, 0, 128), r.EventID[:]...)
	b = binary.AppendUvarint(b, uint64(r.EventVersion))
	for _, text := range []string{r.EventType, field, string(subject)} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	return b
}
