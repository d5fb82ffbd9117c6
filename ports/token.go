package ports

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// MaxTokens is how many tokens a store has at most, those that are revoked or expired included. A
// name can be used again, so a service that gives each client a name does not come near it.
const MaxTokens = 1_000

// AccessToken is what is stored about a token. The token itself is not stored.
type AccessToken struct {
	// Name identifies it for people.
	Name string
	// ID is a part of the token and new for each.
	ID string
	// Hash is the SHA-256 of the whole token.
	Hash [sha256.Size]byte
	// Scopes are its rights.
	Scopes []Scope
	// CreatedBy is the subject that has created it. It may be empty.
	CreatedBy string
	// CreatedAt has milliseconds, as all times here. ExpiresAt and RevokedAt are zero when there is
	// no such time.
	CreatedAt, ExpiresAt, RevokedAt time.Time
}

// ErrTokenTaken means that the name of a token belongs to another token.
var ErrTokenTaken = errors.New("another token has this name")

// TokenStore keeps tokens by their names. It is safe for concurrent use, by several processes too.
type TokenStore interface {
	// SaveToken stores a token under its name, in place of the token with the id replaces, which is
	// empty if there is none. Of several calls that replace the same one, one succeeds. When it
	// returns, the token is durable, and every later Tokens shows it.
	//
	// Errors: ErrTokenTaken when the name has another token, nothing stored; ErrOutcomeUnknown;
	// ErrUnavailable; ErrClosed.
	SaveToken(ctx context.Context, token AccessToken, replaces string) error
	// Tokens returns all tokens, in the order of their names.
	//
	// Errors: ErrUnavailable; ErrCorrupt; ErrClosed.
	Tokens(ctx context.Context) ([]AccessToken, error)
}
