package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"orderflow/ports"
)

// recheckEvery is the time between two looks at the credentials of an answer that goes on. With the
// 2 seconds for which tokens are known it is well below the 5 seconds after which a token that was
// revoked must be of no use.
const recheckEvery = time.Second

// expelledError is the cause with which the context of an answer ends whose client may not have the
// rest of it.
type expelledError struct{ why error }

// Error implements error.
func (e *expelledError) Error() string { return "the client may not go on: " + e.why.Error() }

// Unwrap returns why.
func (e *expelledError) Unwrap() error { return e.why }

// whileAllowed returns a context that ends when the credentials of a request are not accepted any
// more, or nobody knows whether they are. done waits until nothing looks at them any more.
func (s *Service) whileAllowed(ctx context.Context, r *http.Request, scope ports.Scope) (_ context.Context, done func()) {
	if s.config.Authenticator == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.watch(ctx, r, scope); err != nil {
			cancel(&expelledError{err})
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-ended
	}
}

// watch waits until a client may not go on, and returns why. It returns nil when ctx ends.
func (s *Service) watch(ctx context.Context, r *http.Request, scope ports.Scope) error {
	var expired <-chan time.Time
	expires := ports.PrincipalOf(r.Context()).Expires
	if !expires.IsZero() {
		timer := time.NewTimer(time.Until(expires))
		defer timer.Stop()
		expired = timer.C
	}
	again := time.NewTicker(recheckEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-expired:
			return &ports.CredentialError{
				Reason: ports.CredentialExpired, Detail: "the credentials have expired at " + Timestamp(expires),
			}
		case <-again.C:
			principal, err := s.identify(r.WithContext(ctx), scope)
			switch {
			case err != nil && ctx.Err() != nil:
				return nil
			case err != nil:
				return err
			case !principal.Allows(scope):
				return forbidden(principal, scope)
			}
		}
	}
}

func forbidden(principal ports.Principal, scope ports.Scope) *Problem {
	return NewProblem(http.StatusForbidden, CodeForbidden,
		fmt.Sprintf("%s does not have the scope %s, which this operation needs", principal.Subject, scope))
}

// expulsion returns why the client of a request may not go on. It is nil while it may.
func expulsion(ctx context.Context) error {
	var expelled *expelledError
	if errors.As(context.Cause(ctx), &expelled) {
		return expelled
	}
	return nil
}
