package ports

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Scope is a right to use some operations. Its form is subject:verb, or one word for [ScopeOpen]
// and [ScopeAdmin]. Tokens are stored with the names of their scopes, so names never change.
type Scope string

// The scopes of this service. Another aggregate type brings its own ones.
const (
	// ScopeOpen is for operations that need no rights. Nobody is granted it.
	ScopeOpen Scope = "open"

	ScopeOrdersRead    Scope = "orders:read"
	ScopeOrdersWrite   Scope = "orders:write"
	ScopeStreamRead    Scope = "stream:read"
	ScopeOpsRead       Scope = "ops:read"
	ScopeOpsWrite      Scope = "ops:write"
	ScopePersonalRead  Scope = "personal:read"
	ScopePersonalErase Scope = "personal:erase"
	// ScopeAdmin allows to create tokens. Whoever may do that can get every other right, so it
	// includes all other scopes.
	ScopeAdmin Scope = "admin"
)

// Scopes returns the scopes that can be granted, in the order of the constants.
func Scopes() []Scope {
	return []Scope{
		ScopeOrdersRead, ScopeOrdersWrite, ScopeStreamRead, ScopeOpsRead, ScopeOpsWrite,
		ScopePersonalRead, ScopePersonalErase, ScopeAdmin,
	}
}

var scopeForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}:[a-z]{1,16}$`)

// Valid reports whether a scope has the form of one. ScopeOpen is valid.
func (s Scope) Valid() bool {
	return s == ScopeOpen || s == ScopeAdmin || scopeForm.MatchString(string(s))
}

// Role is a name for some scopes.
type Role string

// The roles.
const (
	RoleViewer   Role = "viewer"
	RoleWriter   Role = "writer"
	RoleOperator Role = "operator"
	RoleAdmin    Role = "admin"
)

// Roles returns the roles.
func Roles() []Role { return []Role{RoleViewer, RoleWriter, RoleOperator, RoleAdmin} }

// Scopes returns the scopes of a role. It returns none for an unknown role.
func (r Role) Scopes() []Scope {
	switch r {
	case RoleViewer:
		return []Scope{ScopeOrdersRead, ScopeStreamRead, ScopeOpsRead}
	case RoleWriter:
		return []Scope{ScopeOrdersRead, ScopeOrdersWrite, ScopeStreamRead}
	case RoleOperator:
		return []Scope{ScopeOrdersRead, ScopeStreamRead, ScopeOpsRead, ScopeOpsWrite}
	case RoleAdmin:
		return Scopes()
	default:
		return nil
	}
}

// Principal is who sends a request. The zero value is a client that nobody has asked for its
// credentials.
type Principal struct {
	// Subject names the client: the name of a token, the subject of an identity provider, or the
	// name in a certificate. It begins with the kind and a colon: token:ci, oidc:anna, tls:shop.
	Subject string
	// TokenID is the id of the token that was shown, if it has one.
	TokenID string
	// Scopes are its rights.
	Scopes []Scope
	// Expires is when its credentials expire. It is zero when they do not.
	Expires time.Time
}

// Allows reports whether the principal may use an operation with a scope.
func (p Principal) Allows(scope Scope) bool {
	return scope == ScopeOpen || slices.Contains(p.Scopes, scope) || slices.Contains(p.Scopes, ScopeAdmin)
}

type principalKey struct{}

// WithPrincipal returns a context of work that is done for a principal.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalOf returns the principal for whom the work of a context is done. It is the zero value
// when there is none.
func PrincipalOf(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

type reasonKey struct{}

// WithReason returns a context of work that is done for a reason, as an operator has said it.
func WithReason(ctx context.Context, reason string) context.Context {
	return context.WithValue(ctx, reasonKey{}, reason)
}

// ReasonOf returns the reason for the work of a context. It is empty when nobody has said one.
func ReasonOf(ctx context.Context) string {
	reason, _ := ctx.Value(reasonKey{}).(string)
	return reason
}

// TokenPrefix is the beginning of every token that this service makes, so that tools which look for
// secrets find them.
const TokenPrefix = "ofk_"

// Credentials are what a client shows.
type Credentials struct {
	// Bearer is the token of the Authorization header. It is empty when there is none.
	Bearer string
	// Session is the text of the [Session] of a browser. It is empty when there is none.
	Session string
	// Certificate is the client's certificate, whose chain was verified. It is nil when there is
	// none.
	Certificate *x509.Certificate
}

// Authenticator tells who a client is.
type Authenticator interface {
	// Authenticate returns the principal that shows the credentials. Errors: *CredentialError when
	// they are not accepted, and ErrAuthUnavailable when it cannot be known now whether they are.
	// It is safe for concurrent use.
	Authenticate(ctx context.Context, credentials Credentials) (Principal, error)
}

// ErrAuthUnavailable means that credentials cannot be checked now. Nobody is let through.
var ErrAuthUnavailable = errors.New("credentials cannot be checked now")

// CredentialReason says why credentials are not accepted.
type CredentialReason string

// The reasons.
const (
	CredentialMissing       CredentialReason = "missing"
	CredentialMalformed     CredentialReason = "malformed"
	CredentialUnknown       CredentialReason = "unknown"
	CredentialExpired       CredentialReason = "expired"
	CredentialRevoked       CredentialReason = "revoked"
	CredentialNotYetValid   CredentialReason = "not_yet_valid"
	CredentialWrongAudience CredentialReason = "wrong_audience"
	CredentialWrongIssuer   CredentialReason = "wrong_issuer"
	CredentialBadSignature  CredentialReason = "bad_signature"
)

// CredentialReasons returns the reasons.
func CredentialReasons() []CredentialReason {
	return []CredentialReason{
		CredentialMissing, CredentialMalformed, CredentialUnknown, CredentialExpired, CredentialRevoked, CredentialNotYetValid,
		CredentialWrongAudience, CredentialWrongIssuer, CredentialBadSignature,
	}
}

// CredentialError is the error for credentials that are not accepted. It never contains them.
type CredentialError struct {
	Reason CredentialReason
	// Detail is a sentence without a capital and a period, for people.
	Detail string
}

// Error implements error.
func (e *CredentialError) Error() string {
	return fmt.Sprintf("credentials: %s: %s", strings.ReplaceAll(string(e.Reason), "_", " "), e.Detail)
}
