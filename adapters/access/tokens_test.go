package access_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"orderflow/adapters/access"
	"orderflow/adapters/memory"
	"orderflow/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that tests move.
type clock struct{ atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.Load()) }
func (c *clock) advance(d time.Duration) { c.Add(int64(d)) }

// moody is a store that can fail, and counts its reads.
type moody struct {
	ports.TokenStore
	broken atomic.Bool
	reads  atomic.Int64
}

func (m *moody) Tokens(ctx context.Context) ([]ports.AccessToken, error) {
	m.reads.Add(1)
	if m.broken.Load() {
		return nil, ports.ErrUnavailable
	}
	return m.TokenStore.Tokens(ctx)
}

type process struct {
	*access.Tokens
	door  access.Door
	store *moody
}

// processes returns two processes on the same store.
func processes(c *clock) (here, there process) {
	store := memory.New(memory.Options{})
	for _, p := range []*process{&here, &there} {
		p.store = &moody{TokenStore: store}
		p.Tokens = access.NewTokens(p.store, c.now)
		p.door = access.Door{Tokens: p.Tokens}
	}
	return here, there
}

func (p process) create(t *testing.T, r ports.TokenRequest) string {
	t.Helper()
	text, _, err := p.CreateToken(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// shows returns why a token is not accepted, or "" when it is.
func (p process) shows(t *testing.T, text string) ports.CredentialReason {
	t.Helper()
	principal, err := p.door.Authenticate(t.Context(), ports.Credentials{Bearer: text})
	var refused *ports.CredentialError
	switch {
	case err == nil && principal.Subject != "":
		return ""
	case errors.As(err, &refused):
		secret := text
		if own, ok := strings.CutPrefix(text, ports.TokenPrefix); ok {
			_, secret, _ = strings.Cut(own, "_")
		}
		if secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("the error has the secret: %v", err)
		}
		return refused.Reason
	case errors.Is(err, ports.ErrAuthUnavailable):
		return "unavailable"
	default:
		t.Fatalf("principal %+v, error %v", principal, err)
		return ""
	}
}

func want(t *testing.T, what string, got, want ports.CredentialReason) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestTokens_lifecycle(t *testing.T) {
	t.Parallel()
	c := newClock()
	here, there := processes(c)
	text := here.create(t, ports.TokenRequest{
		Name: "ci", Role: ports.RoleViewer, Scopes: []ports.Scope{ports.ScopeOpsWrite, ports.ScopeOpsRead}, Expires: c.now().Add(time.Hour),
	})
	principal, err := here.door.Authenticate(t.Context(), ports.Credentials{Bearer: text})
	if err != nil || principal.Subject != "token:ci" || principal.TokenID == "" || !principal.Allows(ports.ScopeOpsWrite) ||
		principal.Allows(ports.ScopeOrdersWrite) || len(principal.Scopes) != 4 || principal.Expires.IsZero() {
		t.Errorf("principal %+v, %v", principal, err)
	}
	want(t, "in another process", there.shows(t, text), "")
	stored, err := here.ListTokens(t.Context())
	if err != nil || len(stored) != 1 || strings.Contains(text, string(stored[0].Hash[:])) {
		t.Errorf("stored %+v, %v", stored, err)
	}

	want(t, "nothing", here.shows(t, ""), ports.CredentialMissing)
	want(t, "a text", here.shows(t, "abc"), ports.CredentialMalformed)
	want(t, "a mistyped one", here.shows(t, text[:len(text)-1]), ports.CredentialMalformed)
	other := here.create(t, ports.TokenRequest{Name: "other", Role: ports.RoleViewer})
	another := here.create(t, ports.TokenRequest{Name: "last", Role: ports.RoleViewer})
	if other == another {
		t.Error("two tokens are the same")
	}

	if err := here.RevokeToken(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	want(t, "revoked", here.shows(t, other), ports.CredentialRevoked)
	c.advance(59 * time.Minute)
	want(t, "before its end", here.shows(t, text), "")
	c.advance(time.Minute)
	want(t, "after its end", here.shows(t, text), ports.CredentialExpired)
	want(t, "without an end", here.shows(t, another), "")
}

// A token that another process has made or revoked.
func TestTokens_otherProcesses(t *testing.T) {
	t.Parallel()
	c := newClock()
	here, there := processes(c)
	first := here.create(t, ports.TokenRequest{Name: "first", Role: ports.RoleViewer})
	want(t, "at once", there.shows(t, first), "")
	c.advance(1100 * time.Millisecond)
	second := here.create(t, ports.TokenRequest{Name: "second", Role: ports.RoleViewer})
	want(t, "one that is new", there.shows(t, second), "")
	if err := here.RevokeToken(t.Context(), "second"); err != nil {
		t.Fatal(err)
	}
	c.advance(5 * time.Second)
	want(t, "after five seconds", there.shows(t, second), ports.CredentialRevoked)

	there.store.broken.Store(true)
	c.advance(3 * time.Second)
	want(t, "in a short outage", there.shows(t, first), "")
	if err := here.RevokeToken(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	c.advance(2 * time.Second)
	want(t, "revoked in an outage, after five seconds", there.shows(t, first), "unavailable")
	there.store.broken.Store(false)
	c.advance(time.Second)
	want(t, "after the outage", there.shows(t, first), ports.CredentialRevoked)
}

// Whoever sends tokens that do not exist cannot make the service read the store for each.
func TestTokens_readsAreFew(t *testing.T) {
	t.Parallel()
	c := newClock()
	here, there := processes(c)
	known := here.create(t, ports.TokenRequest{Name: "known", Role: ports.RoleViewer})
	_, foreign := access.NewLocal()
	for range 100 {
		want(t, "unknown", there.shows(t, foreign), ports.CredentialUnknown)
		want(t, "known", there.shows(t, known), "")
		c.advance(10 * time.Millisecond)
	}
	if n := there.store.reads.Load(); n > 3 {
		t.Errorf("%d reads for 200 requests in a second", n)
	}
}

func TestTokens_names(t *testing.T) {
	t.Parallel()
	c := newClock()
	here, _ := processes(c)
	first := here.create(t, ports.TokenRequest{Name: "ci", Role: ports.RoleViewer})
	if _, _, err := here.CreateToken(t.Context(), ports.TokenRequest{Name: "ci", Role: ports.RoleAdmin}); !errors.Is(err, ports.ErrTokenTaken) {
		t.Errorf("a second one of the name: %v", err)
	}
	for range 2 {
		if err := here.RevokeToken(t.Context(), "ci"); err != nil {
			t.Fatal(err)
		}
	}
	second := here.create(t, ports.TokenRequest{Name: "ci", Role: ports.RoleViewer})
	want(t, "the first one", here.shows(t, first), ports.CredentialUnknown)
	want(t, "the second one", here.shows(t, second), "")
	if err := here.RevokeToken(t.Context(), "nobody"); !errors.Is(err, ports.ErrNotFound) {
		t.Errorf("revoke an unknown one: %v", err)
	}
	for part, r := range map[string]ports.TokenRequest{
		"name":       {Name: "Ci", Role: ports.RoleViewer},
		"role":       {Name: "x"},
		"scopes":     {Name: "x", Scopes: []ports.Scope{ports.ScopeOpen}},
		"expires_at": {Name: "x", Role: ports.RoleViewer, Expires: c.now()},
	} {
		var wrong *ports.TokenRequestError
		if _, _, err := here.CreateToken(t.Context(), r); !errors.As(err, &wrong) || wrong.Part != part {
			t.Errorf("%+v: %v, want %s to be wrong", r, err, part)
		}
	}
}

// No token with one wrong character is even looked up.
func TestTokens_PropAChecksumFindsTypingErrors(t *testing.T) {
	t.Parallel()
	here, _ := processes(newClock())
	text := here.create(t, ports.TokenRequest{Name: "ci", Role: ports.RoleViewer})
	reads := here.store.reads.Load()
	rapid.Check(t, func(r *rapid.T) {
		at := rapid.IntRange(len(ports.TokenPrefix), len(text)-1).Draw(r, "at")
		typed := []byte(text)
		typed[at] = rapid.SampledFrom([]byte("abcdefghijklmnopqrstuvwxyz0123456789_")).Filter(func(b byte) bool { return b != text[at] }).Draw(r, "typed")
		if reason := here.shows(t, string(typed)); reason != ports.CredentialMalformed {
			r.Fatalf("%q is not malformed but %q", typed, reason)
		}
	})
	if here.store.reads.Load() != reads {
		t.Error("the store was asked")
	}
}

func TestDoor_localAndCertificates(t *testing.T) {
	t.Parallel()
	local, text := access.NewLocal()
	_, foreign := access.NewLocal()
	door := access.Door{Local: local, Certificates: map[string][]ports.Scope{"shop": ports.RoleWriter.Scopes()}}
	who := func(shown ports.Credentials) string {
		principal, err := door.Authenticate(t.Context(), shown)
		if err != nil {
			return err.Error()
		}
		return principal.Subject
	}
	shop := &x509.Certificate{Subject: pkix.Name{CommonName: "shop"}, SerialNumber: big.NewInt(7)}
	stranger := &x509.Certificate{Subject: pkix.Name{CommonName: "stranger"}, SerialNumber: big.NewInt(8)}
	for _, test := range []struct {
		shown ports.Credentials
		want  string
	}{
		{ports.Credentials{Bearer: text}, "local"},
		{ports.Credentials{Bearer: foreign}, "unknown"},
		{ports.Credentials{Certificate: shop}, "tls:shop"},
		{ports.Credentials{Certificate: stranger}, "unknown"},
		{ports.Credentials{Bearer: foreign, Certificate: shop}, "unknown"},
		{ports.Credentials{}, "missing"},
	} {
		if got := who(test.shown); !strings.Contains(got, test.want) {
			t.Errorf("%+v is %q, want %q", test.shown, got, test.want)
		}
	}
}
