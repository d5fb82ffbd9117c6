package access

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"orderflow/ports"
)

const (
	// fresh is how long the tokens that were read are used without another look.
	fresh = 2 * time.Second
	// stale is how long they are used when the store does not answer.
	stale = 5 * time.Second
	// again is the shortest time between two looks, for a token that is not known, and after a
	// failure.
	again = time.Second
	// readTimeout bounds one look.
	readTimeout = 2 * time.Second
)

// Tokens checks, makes and revokes the tokens of a store. It is safe for concurrent use.
type Tokens struct {
	store ports.TokenStore
	now   func() time.Time

	reading sync.Mutex // is held while the store is read, so that one request reads for all

	mu    sync.Mutex // guards what was read
	known map[string]ports.AccessToken
	// readAt is when the reading of known began, and triedAt when the last attempt ended.
	readAt, triedAt time.Time
	failure         error
}

var _ ports.TokenManager = (*Tokens)(nil)

// NewTokens returns the tokens of a store. It does no I/O.
func NewTokens(store ports.TokenStore, now func() time.Time) *Tokens {
	return &Tokens{store: store, now: now}
}

// The beginnings of subjects.
const (
	subjectLocal = "local"
	subjectToken = "token:"
	subjectOIDC  = "oidc:"
)

// principal returns who shows a token.
func (t *Tokens) principal(ctx context.Context, token, id string) (ports.Principal, error) {
	stored, found, err := t.find(ctx, id)
	if err != nil {
		return ports.Principal{}, err
	}
	if !found || !sameHash(token, stored.Hash) {
		return ports.Principal{}, refuse(ports.CredentialUnknown, "there is no such token")
	}
	return t.accepted(stored)
}

// holder returns who has the token with an id, without asking for the token.
func (t *Tokens) holder(ctx context.Context, id string) (ports.Principal, error) {
	stored, found, err := t.find(ctx, id)
	if err != nil {
		return ports.Principal{}, err
	}
	if !found {
		return ports.Principal{}, refuse(ports.CredentialUnknown, "there is no such token any more")
	}
	return t.accepted(stored)
}

// accepted returns the principal of a token that is neither revoked nor expired.
func (t *Tokens) accepted(stored ports.AccessToken) (ports.Principal, error) {
	switch {
	case !stored.RevokedAt.IsZero():
		return ports.Principal{}, refuse(ports.CredentialRevoked, "the token %s was revoked at %s", stored.Name, stamp(stored.RevokedAt))
	case !stored.ExpiresAt.IsZero() && !t.now().Before(stored.ExpiresAt):
		return ports.Principal{}, refuse(ports.CredentialExpired, "the token %s has expired at %s", stored.Name, stamp(stored.ExpiresAt))
	}
	return ports.Principal{
		Subject: subjectToken + stored.Name, TokenID: stored.ID, Scopes: stored.Scopes, Expires: stored.ExpiresAt,
	}, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func refuse(reason ports.CredentialReason, format string, args ...any) error {
	return &ports.CredentialError{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// find returns the token with an id. While one request reads the store, others use what is known,
// as long as that is not stale.
func (t *Tokens) find(ctx context.Context, id string) (token ports.AccessToken, found bool, err error) {
	token, found, usable, due, err := t.look(id)
	if !due {
		return token, found, err
	}
	if found && usable {
		if !t.reading.TryLock() {
			return token, true, nil
		}
	} else {
		t.reading.Lock()
	}
	defer t.reading.Unlock()
	if _, _, _, due, _ = t.look(id); due { // or another request has read meanwhile
		t.read(ctx)
	}
	token, found, _, _, err = t.look(id)
	return token, found, err
}

// look looks at what is known. usable says whether that can still be used, and due whether the
// store has to be read.
func (t *Tokens) look(id string) (token ports.AccessToken, found, usable, due bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	token, found = t.known[id]
	usable = now.Sub(t.readAt) < stale
	due = (now.Sub(t.readAt) >= fresh || !found) && now.Sub(t.triedAt) >= again
	if !usable {
		return ports.AccessToken{}, false, false, due, fmt.Errorf("%w: read the tokens: %w", ports.ErrAuthUnavailable, t.failure)
	}
	return token, found, true, due, nil
}

// read reads all tokens. A request that leaves does not end it for the others.
func (t *Tokens) read(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	began := t.now()
	tokens, err := t.store.Tokens(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.triedAt = t.now()
	if t.failure = err; err != nil {
		return
	}
	t.readAt, t.known = began, make(map[string]ports.AccessToken, len(tokens))
	for _, token := range tokens {
		t.known[token.ID] = token
	}
}

// forget makes the next look read the store.
func (t *Tokens) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.readAt, t.triedAt = time.Time{}, time.Time{}
}

// ListTokens implements [ports.TokenManager].
func (t *Tokens) ListTokens(ctx context.Context) ([]ports.AccessToken, error) {
	return t.store.Tokens(ctx)
}

// CreateToken implements [ports.TokenManager].
func (t *Tokens) CreateToken(ctx context.Context, r ports.TokenRequest) (string, ports.AccessToken, error) {
	if err := r.Check(t.now()); err != nil {
		return "", ports.AccessToken{}, err
	}
	others, err := t.store.Tokens(ctx)
	if err != nil {
		return "", ports.AccessToken{}, err
	}
	old, taken := named(others, r.Name)
	now := t.now().UTC().Truncate(time.Millisecond)
	switch {
	case taken && old.RevokedAt.IsZero() && (old.ExpiresAt.IsZero() || now.Before(old.ExpiresAt)):
		return "", ports.AccessToken{}, fmt.Errorf("create token %s: %w", r.Name, ports.ErrTokenTaken)
	case !taken && len(others) >= ports.MaxTokens:
		return "", ports.AccessToken{}, fmt.Errorf("create token %s: %w", r.Name, ports.ErrTooManyTokens)
	}
	secret, id := newSecret()
	token := ports.AccessToken{
		Name: r.Name, ID: id, Hash: sha256.Sum256([]byte(secret)), Scopes: r.AllScopes(),
		CreatedBy: ports.PrincipalOf(ctx).Subject, CreatedAt: now,
	}
	if !r.Expires.IsZero() {
		token.ExpiresAt = r.Expires.UTC().Truncate(time.Millisecond)
	}
	if err := t.store.SaveToken(ctx, token, old.ID); err != nil {
		return "", ports.AccessToken{}, err
	}
	t.forget()
	return secret, token, nil
}

// RevokeToken implements [ports.TokenManager].
func (t *Tokens) RevokeToken(ctx context.Context, name string) error {
	tokens, err := t.store.Tokens(ctx)
	if err != nil {
		return err
	}
	token, found := named(tokens, name)
	if !found {
		return fmt.Errorf("revoke token %s: %w", name, ports.ErrNotFound)
	}
	if !token.RevokedAt.IsZero() {
		return nil
	}
	token.RevokedAt = t.now().UTC().Truncate(time.Millisecond)
	err = t.store.SaveToken(ctx, token, token.ID)
	t.forget()
	return err
}

func named(tokens []ports.AccessToken, name string) (ports.AccessToken, bool) {
	i, found := slices.BinarySearchFunc(tokens, name, func(t ports.AccessToken, name string) int { return cmp.Compare(t.Name, name) })
	if !found {
		return ports.AccessToken{}, false
	}
	return tokens[i], true
}
