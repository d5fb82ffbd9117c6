package access_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"orderflow/adapters/access"
	"orderflow/ports"
)

var sharedKey = []byte(strings.Repeat("k", access.MinKey))

// withSessions lets browsers log in to a process.
func (p process) withSessions(t *testing.T, c *clock, key []byte) process {
	t.Helper()
	sessions, err := access.NewSessions(access.SessionConfig{Key: key, Life: 8 * time.Hour, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	p.door.Sessions = sessions
	return p
}

func (p process) logsIn(t *testing.T, token string) ports.Session {
	t.Helper()
	session, err := p.door.BeginSession(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(session.Text, token) || strings.Contains(token, session.Text) {
		t.Errorf("the session %s has the token", session.Text)
	}
	return session
}

// takes returns why a session is not accepted, or "" when it is.
func (p process) takes(t *testing.T, session string) ports.CredentialReason {
	t.Helper()
	_, err := p.door.Authenticate(t.Context(), ports.Credentials{Session: session})
	var refused *ports.CredentialError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return refused.Reason
	case errors.Is(err, ports.ErrAuthUnavailable):
		return "unavailable"
	default:
		t.Fatal(err)
		return ""
	}
}

func TestSessions_endWithTheToken(t *testing.T) {
	t.Parallel()
	c := newClock()
	here, there := processes(c)
	here, there = here.withSessions(t, c, sharedKey), there.withSessions(t, c, sharedKey)
	session := here.logsIn(t, here.create(t, ports.TokenRequest{Name: "short", Role: ports.RoleViewer, Expires: c.now().Add(time.Hour)}))
	if p := session.Principal; p.Subject != "token:short" || p.TokenID == "" || !p.Expires.Equal(c.now().Add(time.Hour)) {
		t.Errorf("principal %+v", p)
	}
	principal, err := there.door.Authenticate(t.Context(), ports.Credentials{Session: session.Text})
	if err != nil || fmt.Sprint(principal.Scopes) != fmt.Sprint(session.Principal.Scopes) || principal.TokenID != session.Principal.TokenID ||
		!principal.Expires.Equal(session.Principal.Expires) {
		t.Errorf("in another process %+v, %v", principal, err)
	}
	c.advance(time.Hour)
	want(t, "when the token has expired", there.takes(t, session.Text), ports.CredentialExpired)

	long := here.logsIn(t, here.create(t, ports.TokenRequest{Name: "long", Role: ports.RoleViewer}))
	want(t, "of a token without an end", there.takes(t, long.Text), "")
	c.advance(8*time.Hour - time.Second)
	want(t, "just before its end", there.takes(t, long.Text), "")
	c.advance(time.Second)
	want(t, "at its end", there.takes(t, long.Text), ports.CredentialExpired)

	third := here.logsIn(t, here.create(t, ports.TokenRequest{Name: "third", Role: ports.RoleViewer}))
	want(t, "before the token is revoked", there.takes(t, third.Text), "")
	if err := here.RevokeToken(t.Context(), "third"); err != nil {
		t.Fatal(err)
	}
	want(t, "revoked, in this process", here.takes(t, third.Text), ports.CredentialRevoked)
	c.advance(5 * time.Second)
	want(t, "revoked, 5 seconds later", there.takes(t, third.Text), ports.CredentialRevoked)
	here.create(t, ports.TokenRequest{Name: "third", Role: ports.RoleAdmin})
	want(t, "with another token of the same name", here.takes(t, third.Text), ports.CredentialUnknown)

	fourth := here.logsIn(t, here.create(t, ports.TokenRequest{Name: "fourth", Role: ports.RoleViewer}))
	there.store.broken.Store(true)
	c.advance(5 * time.Second)
	want(t, "while the store does not answer", there.takes(t, fourth.Text), "unavailable")
}

func TestSessions_belongToAKey(t *testing.T) {
	t.Parallel()
	c := newClock()
	here, there := processes(c)
	token := here.create(t, ports.TokenRequest{Name: "ci", Role: ports.RoleViewer})
	shared, alone, alsoAlone := here.withSessions(t, c, sharedKey), here.withSessions(t, c, nil), there.withSessions(t, c, nil)
	session := alone.logsIn(t, token)
	want(t, "own key", alone.takes(t, session.Text), "")
	want(t, "another key", alsoAlone.takes(t, session.Text), ports.CredentialUnknown)
	want(t, "shared key", shared.takes(t, session.Text), ports.CredentialUnknown)
	for i := range session.Text {
		changed := []byte(session.Text)
		if changed[i] = 'A'; string(changed) == session.Text {
			changed[i] = 'B'
		}
		if alone.takes(t, string(changed)) == "" && string(changed) != session.Text {
			t.Errorf("a session whose byte %d was changed is accepted", i)
		}
	}
	for _, text := range []string{"x", session.Text[1:], session.Text + "A", token} {
		want(t, text, alone.takes(t, text), ports.CredentialUnknown)
	}
	if a, b := shared.logsIn(t, token), shared.logsIn(t, token); a.Text == b.Text {
		t.Error("two sessions look the same")
	}
}

func TestSessions_ofTheTokenOfThisStart(t *testing.T) {
	t.Parallel()
	c := newClock()
	here, there := processes(c)
	here, there = here.withSessions(t, c, sharedKey), there.withSessions(t, c, sharedKey)
	var text string
	here.door.Local, text = access.NewLocal()
	session := here.logsIn(t, text)
	want(t, "in this start", here.takes(t, session.Text), "")
	want(t, "in a process without one", there.takes(t, session.Text), ports.CredentialUnknown)
	there.door.Local, _ = access.NewLocal()
	want(t, "in the next start", there.takes(t, session.Text), ports.CredentialUnknown)
}

// A token counts first, then the session, then the certificate. A session that is not accepted does
// not hide the certificate.
func TestSessions_besideOtherCredentials(t *testing.T) {
	t.Parallel()
	c := newClock()
	p, _ := processes(c)
	p = p.withSessions(t, c, nil)
	p.door.Certificates = map[string][]ports.Scope{"shop": ports.RoleWriter.Scopes()}
	certificate := &x509.Certificate{Subject: pkix.Name{CommonName: "shop"}, SerialNumber: big.NewInt(1)}
	viewer := p.create(t, ports.TokenRequest{Name: "viewer", Role: ports.RoleViewer})
	session := p.logsIn(t, p.create(t, ports.TokenRequest{Name: "browser", Role: ports.RoleViewer})).Text
	for name, test := range map[string]struct {
		shown ports.Credentials
		want  string
	}{
		"all":                       {ports.Credentials{Bearer: viewer, Session: session, Certificate: certificate}, "token:viewer"},
		"session and certificate":   {ports.Credentials{Session: session, Certificate: certificate}, "token:browser"},
		"old session":               {ports.Credentials{Session: "old", Certificate: certificate}, "tls:shop"},
		"bad token, good session":   {ports.Credentials{Bearer: "abc", Session: session}, ""},
		"old session, nothing else": {ports.Credentials{Session: "old"}, ""},
	} {
		principal, err := p.door.Authenticate(t.Context(), test.shown)
		if principal.Subject != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %+v, %v", name, principal, err)
		}
	}
}

func TestSessions_areSmallEnoughForACookie(t *testing.T) {
	t.Parallel()
	c := newClock()
	i := newIssuer(t)
	key := i.rotate(t, "k1", "ES256")
	p := i.trusting(c, "").withSessions(t, c, nil)
	var scopes []string
	for n := range 400 {
		scopes = append(scopes, fmt.Sprintf("scope-%c%c:read", 'a'+n%26, 'a'+n/26))
	}
	few := p.logsIn(t, i.token(t, key, c, "", claims{"scope": strings.Join(scopes[:100], " ")}))
	want(t, "a hundred scopes", p.takes(t, few.Text), "")
	if _, err := p.door.BeginSession(t.Context(), i.token(t, key, c, "", claims{"scope": strings.Join(scopes, " ")})); err == nil || !strings.Contains(err.Error(), "too many scopes") {
		t.Errorf("too many scopes: %v", err)
	}
	without := process{door: access.Door{Tokens: access.NewTokens(nil, c.now)}}.withSessions(t, c, nil)
	without.door.Sessions = p.door.Sessions
	want(t, "where no provider is trusted", without.takes(t, few.Text), ports.CredentialUnknown)
}
