package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"hash/crc32"
	"strings"

	"orderflow/ports"
)

// The lengths of the parts of a token, in bytes before they are encoded.
const (
	idBytes     = 10
	secretBytes = 32
)

// encoding has neither the underscore, which separates the parts, nor letters of both cases.
var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// newSecret makes a token. It panics when the system has no randomness, because then nothing else
// works either.
func newSecret() (token, id string) {
	random := make([]byte, idBytes+secretBytes)
	_, _ = rand.Read(random) // it never returns an error
	encode := func(b []byte) string { return strings.ToLower(encoding.EncodeToString(b)) }
	id = encode(random[:idBytes])
	body := ports.TokenPrefix + id + "_" + encode(random[idBytes:])
	return body + "_" + checksum(body), id
}

func checksum(body string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(body))) }

// idOf returns the id in a token. It returns false for a text that this service has not made.
func idOf(token string) (id string, ok bool) {
	end := strings.LastIndexByte(token, '_')
	if end < len(ports.TokenPrefix) || checksum(token[:end]) != token[end+1:] {
		return "", false
	}
	id, secret, ok := strings.Cut(strings.TrimPrefix(token[:end], ports.TokenPrefix), "_")
	return id, ok && len(id) == encoding.EncodedLen(idBytes) && len(secret) == encoding.EncodedLen(secretBytes)
}

// sameHash reports whether a token has a hash. It takes the same time for every token.
func sameHash(token string, hash [sha256.Size]byte) bool {
	shown := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(shown[:], hash[:]) == 1
}

// Local is the token of one start of a process. It is safe for concurrent use.
type Local struct {
	id   string
	hash [sha256.Size]byte
}

// NewLocal makes such a token, and returns it with its text.
func NewLocal() (local *Local, token string) {
	token, id := newSecret()
	return &Local{id: id, hash: sha256.Sum256([]byte(token))}, token
}

// principal returns who shows the token of this start. It returns false for another token.
func (l *Local) principal(token string) (ports.Principal, bool) {
	if l == nil || !sameHash(token, l.hash) {
		return ports.Principal{}, false
	}
	return ports.Principal{Subject: subjectLocal, TokenID: l.id, Scopes: []ports.Scope{ports.ScopeAdmin}}, true
}
