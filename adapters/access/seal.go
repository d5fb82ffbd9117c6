package access

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// MinKey is the length of the shortest key for sessions, in bytes.
const MinKey = 32

// seal makes texts that only holders of the same key can read or make. A text for one purpose is
// of no use for another one.
type seal struct{ aead cipher.AEAD }

// newSeal returns a seal with a key. An empty key stands for a new one, which nobody else has.
func newSeal(key []byte, purpose string) (seal, error) {
	if len(key) == 0 {
		key = make([]byte, MinKey)
		_, _ = rand.Read(key) // it never returns an error
	}
	derived, err := hkdf.Key(sha256.New, key, nil, "orderflow "+purpose, MinKey)
	if err != nil {
		return seal{}, fmt.Errorf("derive a key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return seal{}, fmt.Errorf("derive a key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return seal{}, fmt.Errorf("derive a key: %w", err)
	}
	return seal{aead: aead}, nil
}

// close returns a document as a sealed text.
func (s seal) close(document any) (string, error) {
	plain, err := json.Marshal(document)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, nil)), nil
}

var errSealed = errors.New("this text was sealed with another key, or was changed")

// open reads a sealed text.
func (s seal) open(text string, document any) error {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return errSealed
	}
	plain, err := s.aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return errSealed
	}
	return json.Unmarshal(plain, document)
}
