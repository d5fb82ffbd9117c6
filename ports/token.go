package ports

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
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

// TokenRequest asks for a new token.
type TokenRequest struct {
	Name string
	// Role and Scopes are the rights, together. At least one must be given.
	Role   Role
	Scopes []Scope
	// Expires is when the token ends. The zero time stands for never.
	Expires time.Time
}

// TokenNamePattern is the form of the name of a token.
const TokenNamePattern = `^[a-z0-9][a-z0-9._-]{0,62}$`

var tokenName = regexp.MustCompile(TokenNamePattern)

// TokenRequestError says which part of a request is wrong: name, role, scopes or expires_at.
type TokenRequestError struct{ Part, Problem string }

// Error implements error.
func (e *TokenRequestError) Error() string { return e.Part + ": " + e.Problem }

// Check returns what is wrong with a request, as a *TokenRequestError, or nil.
func (r TokenRequest) Check(now time.Time) error {
	switch {
	case !tokenName.MatchString(r.Name):
		return &TokenRequestError{"name", "must have 1 to 63 of a-z, 0-9, dot, underscore and hyphen, and begin with a letter or digit"}
	case r.Role != "" && r.Role.Scopes() == nil:
		return &TokenRequestError{"role", fmt.Sprintf("must be one of %v", Roles())}
	case len(r.Scopes) > maxScopes:
		return &TokenRequestError{"scopes", fmt.Sprintf("must be at most %d", maxScopes)}
	case r.Role == "" && len(r.Scopes) == 0:
		return &TokenRequestError{"role", "a role or a scope must be given"}
	case !r.Expires.IsZero() && !r.Expires.After(now):
		return &TokenRequestError{"expires_at", "must be in the future"}
	}
	for _, scope := range r.Scopes {
		if !scope.Valid() || scope == ScopeOpen {
			return &TokenRequestError{"scopes", fmt.Sprintf("%.40q is no scope; the scopes are %v", scope, Scopes())}
		}
	}
	return nil
}

const maxScopes = 32

// AllScopes returns the scopes of the role and those that are named, each once.
func (r TokenRequest) AllScopes() []Scope {
	var all []Scope
	for _, scope := range append(r.Role.Scopes(), r.Scopes...) {
		if !slices.Contains(all, scope) {
			all = append(all, scope)
		}
	}
	return all
}

// TokenManager makes and revokes tokens. It is safe for concurrent use.
type TokenManager interface {
	// CreateToken makes a token and returns its text, which is stored nowhere and cannot be shown
	// again. The name of a token that is revoked or expired can be used again.
	//
	// Errors: *TokenRequestError; ErrTokenTaken; ErrTooManyTokens; those of TokenStore.
	CreateToken(ctx context.Context, r TokenRequest) (text string, token AccessToken, err error)
	// RevokeToken revokes the token with a name, which takes effect in every process within 5
	// seconds. A token that is revoked stays so.
	//
	// Errors: ErrNotFound; those of TokenStore.
	RevokeToken(ctx context.Context, name string) error
	// ListTokens returns all tokens, in the order of their names.
	ListTokens(ctx context.Context) ([]AccessToken, error)
}

// ErrTooManyTokens means that there are MaxTokens names already.
var ErrTooManyTokens = fmt.Errorf("there are %d tokens already: use the name of one that is revoked or expired", MaxTokens)

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
