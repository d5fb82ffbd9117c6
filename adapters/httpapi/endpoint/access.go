package endpoint

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"orderflow/ports"
)

const (
	headerAuthorization = "Authorization"
	headerChallenge     = "WWW-Authenticate"
	// challenge is the beginning of every WWW-Authenticate.
	challenge = `Bearer realm="orderflow"`
	// maxBearer bounds a token, in bytes. Those of identity providers have a few kilobytes at most.
	maxBearer = 16 << 10
)

// identifier is a ResponseWriter that is told who the client is.
type identifier interface{ Identified(subject string) }

// guard lets a request through to next if its client has a scope, and is within its limits. The
// context that next gets knows who the client is. What is open has no limits, so that whoever
// watches the service gets an answer.
func (s *Service) guard(scope ports.Scope, next http.Handler) http.Handler {
	if s.config.Authenticator == nil && (s.limiter == nil || scope == ports.ScopeOpen) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		principal, leave, err := s.admitted(w.Header(), r, scope)
		if w, ok := w.(identifier); ok && principal.Subject != "" {
			w.Identified(principal.Subject) // also of a client who may not do this
		}
		if err != nil {
			challengeFor(w.Header(), err)
			c := &Call{request: r, response: w, service: s}
			c.About.ReadsOnly = true // nothing has happened
			c.fail(err)
			return
		}
		defer leave()
		if s.config.Authenticator != nil {
			r = r.WithContext(ports.WithPrincipal(r.Context(), principal))
		}
		next.ServeHTTP(w, r)
	})
}

// admitted returns who sends a request, if the client may. leave is called when the request is
// done.
func (s *Service) admitted(header http.Header, r *http.Request, scope ports.Scope) (ports.Principal, func(), error) {
	var principal ports.Principal
	if s.config.Authenticator != nil {
		var err error
		if principal, err = s.identify(r, scope); err != nil {
			return principal, nil, err
		}
		if !principal.Allows(scope) {
			header.Set(headerChallenge, fmt.Sprintf(`%s, error="insufficient_scope", scope="%s"`, challenge, scope))
			return principal, nil, forbidden(principal, scope)
		}
	}
	if s.limiter == nil || scope == ports.ScopeOpen {
		return principal, func() {}, nil
	}
	leave, wait := s.limiter.enter(clientOf(r, principal))
	if leave == nil {
		return principal, nil, tooMany(header, wait)
	}
	return principal, leave, nil
}

// identify returns who sends a request. For an open operation it only refuses credentials at places
// where they must not be: others are not looked at, so that they cannot be a reason to fail.
func (s *Service) identify(r *http.Request, scope ports.Scope) (ports.Principal, error) {
	if err := refuseInURL(r.URL.RawQuery); err != nil {
		return ports.Principal{}, err
	}
	shown, err := s.credentialsOf(r)
	if scope == ports.ScopeOpen {
		return ports.Principal{}, nil
	}
	if err != nil {
		return ports.Principal{}, err
	}
	if shown.Bearer == "" && shown.Session != "" && !s.isOwn(r) {
		return ports.Principal{}, NewProblem(http.StatusForbidden, CodeCrossOrigin,
			"a session counts only for requests of the pages of this service")
	}
	return s.config.Authenticator.Authenticate(r.Context(), shown)
}

// Allows reports whether the client has a scope, in an operation that is open and shows more to
// some.
func (c *Call) Allows(scope ports.Scope) bool {
	if c.service.config.Authenticator == nil {
		return true
	}
	principal, err := c.Identify()
	return err == nil && principal.Allows(scope)
}

// Identify returns who the client is, in an operation that is open. Errors: those of the
// authenticator, which there must be; a [Problem].
func (c *Call) Identify() (ports.Principal, error) {
	shown, err := c.service.credentialsOf(c.request)
	if err != nil {
		return ports.Principal{}, err
	}
	return c.service.config.Authenticator.Authenticate(c.Context(), shown)
}

// credentialsOf returns what the client shows.
func (s *Service) credentialsOf(r *http.Request) (ports.Credentials, error) {
	bearer, err := bearerOf(r.Header)
	if err != nil {
		return ports.Credentials{}, err
	}
	shown := ports.Credentials{Bearer: bearer, Session: s.cookieOf(r, cookieSession)}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		shown.Certificate = r.TLS.VerifiedChains[0][0]
	}
	return shown, nil
}

// bearerOf returns the token of the Authorization header. It returns "" when there is no such
// header.
func bearerOf(header http.Header) (string, error) {
	values := header[headerAuthorization]
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 {
		return "", NewProblem(http.StatusBadRequest, CodeCredentialsTwice, "there is more than one Authorization header")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if token = strings.TrimLeft(token, " "); !strings.EqualFold(scheme, "Bearer") {
		return "", malformed("the scheme of Authorization must be Bearer")
	}
	if !IsToken(token) {
		return "", malformed("Authorization must be Bearer and one token, without anything else")
	}
	return token, nil
}

func malformed(detail string) error {
	return &ports.CredentialError{Reason: ports.CredentialMalformed, Detail: detail}
}

// IsToken reports whether a text has the form that RFC 6750 calls b64token, and is not too long.
func IsToken(text string) bool {
	if len(text) > maxBearer {
		return false
	}
	text = strings.TrimRight(text, "=")
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		return !letter && !strings.ContainsRune("-._~+/", c)
	})
}

// refuseInURL refuses a token in the query, where logs and histories of browsers would keep it.
func refuseInURL(raw string) error {
	if raw == "" {
		return nil
	}
	query, _ := url.ParseQuery(raw) // what cannot be read is refused later
	for name, values := range query {
		named := slices.Contains([]string{"access_token", "token", "bearer", "authorization"}, strings.ToLower(name))
		if named || slices.ContainsFunc(values, func(v string) bool { return strings.HasPrefix(v, ports.TokenPrefix) }) {
			return NewProblem(http.StatusBadRequest, CodeCredentialsInURL,
				"a token must not be in a URL: send it as Authorization: Bearer, and replace this one, as others may have seen it")
		}
	}
	return nil
}

// challengeFor sets the header that says how to authenticate, as RFC 6750 has it.
func challengeFor(header http.Header, err error) {
	var refused *ports.CredentialError
	var problem *Problem
	switch {
	case errors.As(err, &refused) && refused.Reason == ports.CredentialMissing:
		header.Set(headerChallenge, challenge)
	case errors.As(err, &refused):
		header.Set(headerChallenge, fmt.Sprintf(`%s, error="invalid_token", error_description="%s"`, challenge,
			strings.ReplaceAll(string(refused.Reason), "_", " ")))
	case errors.As(err, &problem) && problem.Status == http.StatusBadRequest:
		header.Set(headerChallenge, challenge+`, error="invalid_request"`)
	}
}

// fromAccess maps the errors of authentication.
func fromAccess(err error) *Problem {
	var refused *ports.CredentialError
	switch {
	case errors.As(err, &refused):
		return NewProblem(http.StatusUnauthorized, "credentials_"+string(refused.Reason), refused.Detail)
	case errors.Is(err, ports.ErrAuthUnavailable):
		return NewProblem(http.StatusServiceUnavailable, CodeAuthUnavailable,
			"it cannot be checked now who asks; ask again").Because(slog.LevelWarn, err)
	default:
		return nil
	}
}
