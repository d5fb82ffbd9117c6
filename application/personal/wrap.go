package personal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"sync"

	"orderflow/ports"
)

// KeyBytes is the size of the service key, and of the key of a subject.
const KeyBytes = 32

// formatWrapped is the form of a wrapped key: this byte, the id of the service key (idBytes), and
// what AES-256-GCM makes of the key, with a random nonce before it. The name of the subject is
// authenticated with it, so a wrapped key cannot be moved to another subject.
const (
	formatWrapped = 1
	idBytes       = 4
	tokenBytes    = 16
)

// service is the service key, as the keys that are derived from it.
type service struct {
	id []byte
	// tokens holds HMACs with the key of names: one that was used before costs half of a new one.
	tokens *sync.Pool
	wraps  cipher.AEAD
}

func newService(key []byte) (service, error) {
	if len(key) != KeyBytes {
		return service{}, fmt.Errorf("the service key of personal data has %d bytes, not %d", len(key), KeyBytes)
	}
	var derived [3][]byte
	for i, purpose := range []string{"orderflow key id", "orderflow subject", "orderflow wrap"} {
		var err error
		if derived[i], err = hkdf.Key(sha256.New, key, nil, purpose, KeyBytes); err != nil {
			return service{}, fmt.Errorf("service key of personal data: %w", err)
		}
	}
	wraps, err := sealer(derived[2])
	tokens := &sync.Pool{New: func() any { return hmac.New(sha256.New, derived[1]) }}
	return service{id: derived[0][:idBytes], tokens: tokens, wraps: wraps}, err
}

func sealer(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// subjectOf returns the name of a person.
func (s service) subjectOf(id string) ports.Subject {
	mac := s.tokens.Get().(hash.Hash)
	defer s.tokens.Put(mac)
	mac.Reset()
	mac.Write([]byte(id)) // it never fails
	return ports.Subject(hex.EncodeToString(mac.Sum(nil)[:tokenBytes]))
}

func (s service) wrap(subject ports.Subject, key []byte) []byte {
	head := append([]byte{formatWrapped}, s.id...)
	return s.wraps.Seal(head, nil, key, []byte(subject))
}

// unwrap returns what wrap was given. Its errors are a ports.ErrCorrupt.
func (s service) unwrap(subject ports.Subject, wrapped []byte) ([]byte, error) {
	if len(wrapped) < 1+idBytes || wrapped[0] != formatWrapped {
		return nil, fmt.Errorf("the wrapped key of subject %s has an unknown form: %w", subject, ports.ErrCorrupt)
	}
	if id := wrapped[1 : 1+idBytes]; !bytes.Equal(id, s.id) {
		return nil, fmt.Errorf("the key of subject %s is wrapped with the service key %x, and this process has %x: %w",
			subject, id, s.id, ports.ErrCorrupt)
	}
	key, err := s.wraps.Open(nil, nil, wrapped[1+idBytes:], []byte(subject))
	if err != nil || len(key) != KeyBytes {
		return nil, fmt.Errorf("the wrapped key of subject %s was changed: %w", subject, ports.ErrCorrupt)
	}
	return key, nil
}
