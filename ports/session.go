package ports

import (
	"context"
	"errors"
	"time"
)

// Session is the login of a browser. The browser shows it in place of a token until it ends.
type Session struct {
	// Text is what the browser shows. Only the service can read or make it. It has no token in it.
	Text string
	// Principal is who has logged in. Expires is when the session ends, which is not later than the
	// end of the token.
	Principal Principal
}

// Sessions begins sessions. It is safe for concurrent use.
type Sessions interface {
	// BeginSession begins a session for whoever shows a token. While the token is revoked or
	// expired, the session is not accepted either.
	//
	// Errors: those of Authenticator.
	BeginSession(ctx context.Context, token string) (Session, error)
}

// Login is a login at an identity provider that was begun.
type Login struct {
	// Text is what the browser shows when it comes back. Only the service can read or make it.
	Text string
	// Address is where the browser has to go.
	Address string
	// Expires is until when it may come back.
	Expires time.Time
}

// LoginAnswer is what a browser brings back from an identity provider.
type LoginAnswer struct {
	// State and Code are of the provider. Code is empty when it has let nobody in.
	State, Code string
	// Issuer is the provider as it names itself. It may be empty.
	Issuer string
}

// Logins lets people log in at an identity provider: authorization code with PKCE. It is safe for
// concurrent use.
type Logins interface {
	// BeginLogin begins a login. The provider sends the browser to the address redirect, and when
	// all is done it belongs at the path back.
	//
	// Errors: ErrAuthUnavailable.
	BeginLogin(ctx context.Context, redirect, back string) (Login, error)
	// EndLogin begins the session of the browser that shows the text of its Login. It returns the
	// path at which the browser belongs.
	//
	// Errors: ErrLoginUnknown; ErrLoginRefused; *CredentialError when the provider's token is not
	// accepted; ErrAuthUnavailable.
	EndLogin(ctx context.Context, text string, answer LoginAnswer) (session Session, back string, err error)
}

// ErrLoginUnknown means that this browser has not begun the login, or too long ago.
var ErrLoginUnknown = errors.New("this browser has not begun the login, or too long ago")

// ErrLoginRefused means that the identity provider has let nobody in.
var ErrLoginRefused = errors.New("the identity provider has refused the login")
