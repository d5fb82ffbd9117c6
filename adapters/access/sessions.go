package access

import (
	"context"
	"errors"
	"strings"
	"time"

	"orderflow/ports"
)

// SessionConfig says how browsers stay logged in.
type SessionConfig struct {
	// Key is a secret of at least [MinKey] bytes. Processes with the same key accept the sessions
	// of each other. Default: a new key, so that sessions end with the process.
	Key []byte
	// Life is the longest time of a session.
	Life time.Duration
	// Now is the clock.
	Now func() time.Time
}

// Sessions makes and reads the sessions of browsers. Nothing is stored: the browser keeps who has
// logged in, as a sealed text. It is safe for concurrent use.
type Sessions struct {
	life time.Duration
	now  func() time.Time
	// sessions and logins seal for one purpose each
	sessions, logins seal
}

// NewSessions returns Sessions.
func NewSessions(config SessionConfig) (*Sessions, error) {
	sessions, err := newSeal(config.Key, "session 1")
	if err != nil {
		return nil, err
	}
	logins, err := newSeal(config.Key, "login 1")
	if err != nil {
		return nil, err
	}
	return &Sessions{life: config.Life, now: config.Now, sessions: sessions, logins: logins}, nil
}

// sealedSession is what the text of a session holds. Its names are short because browsers keep at
// most 4,096 bytes.
type sealedSession struct {
	Subject string        `json:"s"`
	TokenID string        `json:"t,omitempty"`
	Scopes  []ports.Scope `json:"r,omitempty"`
	Expires int64         `json:"e"`
}

// maxSession bounds the text of a session, in bytes.
const maxSession = 3_800

// begin begins a session of a principal.
func (s *Sessions) begin(principal ports.Principal) (ports.Session, error) {
	end := s.now().Add(s.life).Truncate(time.Second)
	if principal.Expires.IsZero() || end.Before(principal.Expires) {
		principal.Expires = end
	}
	kept := sealedSession{
		Subject: principal.Subject, TokenID: principal.TokenID, Scopes: principal.Scopes, Expires: principal.Expires.Unix(),
	}
	text, err := s.sessions.close(kept)
	if err != nil {
		return ports.Session{}, err
	}
	if len(text) > maxSession {
		return ports.Session{}, refuse(ports.CredentialMalformed, "the token has too many scopes for a session of a browser")
	}
	return ports.Session{Text: text, Principal: principal}, nil
}

// principal returns who has begun a session.
func (s *Sessions) principal(text string) (ports.Principal, error) {
	var kept sealedSession
	if err := s.sessions.open(text, &kept); err != nil {
		return ports.Principal{}, refuse(ports.CredentialUnknown, "the session is not known to this process: log in again")
	}
	end := time.Unix(kept.Expires, 0)
	if !s.now().Before(end) {
		return ports.Principal{}, refuse(ports.CredentialExpired, "the session has ended at %s: log in again", stamp(end))
	}
	return ports.Principal{Subject: kept.Subject, TokenID: kept.TokenID, Scopes: kept.Scopes, Expires: end}, nil
}

var _ ports.Sessions = (*Door)(nil)

// BeginSession implements [ports.Sessions].
func (d *Door) BeginSession(ctx context.Context, token string) (ports.Session, error) {
	principal, err := d.Authenticate(ctx, ports.Credentials{Bearer: token})
	if err != nil {
		return ports.Session{}, err
	}
	return d.Sessions.begin(principal)
}

// bySession returns who has begun a session, if the token with which that was done is still
// accepted. A token of an identity provider cannot be revoked here: it is accepted until it ends.
func (d *Door) bySession(ctx context.Context, shown ports.Credentials) (ports.Principal, error) {
	principal, err := d.sessionPrincipal(ctx, shown.Session)
	var refused *ports.CredentialError
	if errors.As(err, &refused) && shown.Certificate != nil && d.Certificates != nil {
		return d.byCertificate(shown.Certificate)
	}
	return principal, err
}

func (d *Door) sessionPrincipal(ctx context.Context, text string) (ports.Principal, error) {
	kept, err := d.Sessions.principal(text)
	if err != nil {
		return ports.Principal{}, err
	}
	now := kept
	switch {
	case kept.Subject == subjectLocal:
		if d.Local == nil || d.Local.id != kept.TokenID {
			return ports.Principal{}, refuse(ports.CredentialUnknown, "the token of the session was of an earlier start: log in again")
		}
	case strings.HasPrefix(kept.Subject, subjectToken) && d.Tokens != nil:
		if now, err = d.Tokens.holder(ctx, kept.TokenID); err != nil {
			return ports.Principal{}, err
		}
	case strings.HasPrefix(kept.Subject, subjectOIDC) && d.OIDC != nil:
	default:
		return ports.Principal{}, refuse(ports.CredentialUnknown, "this way to log in is not accepted any more")
	}
	if now.Expires.IsZero() || kept.Expires.Before(now.Expires) {
		now.Expires = kept.Expires
	}
	return now, nil
}
