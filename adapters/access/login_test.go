package access_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"orderflow/adapters/access"
	"orderflow/ports"
)

const callback = "https://orders.example/v1/session/callback"

// visitor logs in with a browser at an issuer that answers as the test says.
type visitor struct {
	*issuer
	process
	logins *access.Logins
	key    jose.JSONWebKey
	c      *clock
	asked  url.Values // what the issuer was asked when the login began
}

func newVisitor(t *testing.T, secret string) *visitor {
	t.Helper()
	c, i := newClock(), newIssuer(t)
	v := &visitor{issuer: i, key: i.rotate(t, "k1", jose.RS256), c: c}
	provider := access.NewOIDC(access.OIDCConfig{Issuer: i.URL, Audience: "orderflow", Now: c.now, Client: i.Client()})
	v.process = process{door: access.Door{OIDC: provider}}.withSessions(t, c, sharedKey)
	v.logins = access.NewLogins(access.LoginConfig{ClientID: "console", ClientSecret: secret, Scopes: []string{"orders:read"}}, provider, v.door.Sessions)
	return v
}

func (v *visitor) begin(t *testing.T) ports.Login {
	t.Helper()
	login, err := v.logins.BeginLogin(t.Context(), callback, "/ui/orders")
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(login.Address)
	if err != nil {
		t.Fatal(err)
	}
	v.asked = address.Query()
	return login
}

// answers makes the issuer answer to the code. The claims change those of the ID token and of the
// access token. An access token of "opaque" is not signed.
func (v *visitor) answers(t *testing.T, id, accessToken claims) {
	t.Helper()
	all := claims{"aud": "console", "nonce": v.asked.Get("nonce")}
	for name, value := range id {
		all[name] = value
	}
	answer := claims{"token_type": "Bearer", "expires_in": 300, "id_token": v.token(t, v.key, v.c, "JWT", all), "access_token": "opaque"}
	if accessToken != nil {
		answer["access_token"] = v.token(t, v.key, v.c, "at+jwt", accessToken)
	}
	v.set(func() {
		v.exchange = func(w http.ResponseWriter, r *http.Request) {
			challenge := sha256.Sum256([]byte(r.FormValue("code_verifier")))
			if r.FormValue("code") != "the-code" || r.FormValue("redirect_uri") != callback ||
				base64.RawURLEncoding.EncodeToString(challenge[:]) != v.asked.Get("code_challenge") {
				w.WriteHeader(http.StatusBadRequest)
				_ = json.NewEncoder(w).Encode(claims{"error": "invalid_grant", "error_description": "the secret is s3cret"})
				return
			}
			_ = json.NewEncoder(w).Encode(answer)
		}
	})
}

// end ends a login, and returns who has logged in or why nobody has.
func (v *visitor) end(t *testing.T, text string, answer ports.LoginAnswer) (ports.Session, ports.CredentialReason) {
	t.Helper()
	session, back, err := v.logins.EndLogin(t.Context(), text, answer)
	var refused *ports.CredentialError
	switch {
	case err == nil && back == "/ui/orders":
		return session, ""
	case errors.As(err, &refused):
		return session, refused.Reason
	}
	if err != nil && strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the error has a secret: %v", err)
	}
	for kind, name := range map[error]ports.CredentialReason{ports.ErrLoginUnknown: "login unknown", ports.ErrLoginRefused: "refused", ports.ErrAuthUnavailable: "unavailable"} {
		if errors.Is(err, kind) {
			return session, name
		}
	}
	t.Fatalf("back to %q, %v", back, err)
	return session, ""
}

func TestLogins_asksAsItShould(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, "")
	login := v.begin(t)
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "console", "redirect_uri": callback, "scope": "openid orders:read", "code_challenge_method": "S256",
	} {
		if got := v.asked.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(v.asked.Get(name)) < 20 || strings.Contains(login.Text, v.asked.Get(name)) {
			t.Errorf("%s is %q", name, v.asked.Get(name))
		}
	}
	before := v.asked
	if v.begin(t); before.Get("state") == v.asked.Get("state") || before.Get("nonce") == v.asked.Get("nonce") || before.Get("code_challenge") == v.asked.Get("code_challenge") {
		t.Error("two logins have something in common")
	}
	if !login.Expires.Equal(v.c.now().Add(10 * time.Minute)) {
		t.Errorf("it expires at %s", login.Expires)
	}
}

func TestLogins_whoIsIn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id, access claims
		want       ports.CredentialReason
		scope      ports.Scope
		ends       time.Duration
	}{
		"rights of the access token": {nil, claims{"scope": "ops:read", "exp": newClock().now().Add(5 * time.Minute).Unix()}, "", ports.ScopeOpsRead, 5 * time.Minute},
		"no access token to read":    {claims{"scope": "stream:read"}, nil, "", ports.ScopeStreamRead, time.Hour},
		"longer than a session": {
			nil, claims{"scope": "ops:read", "exp": newClock().now().Add(24 * time.Hour).Unix()}, "", ports.ScopeOpsRead, 8 * time.Hour,
		},
		"access token for others":    {nil, claims{"aud": "shop"}, ports.CredentialWrongAudience, "", 0},
		"access token of another":    {nil, claims{"sub": "eve"}, ports.CredentialMalformed, "", 0},
		"ID token for others":        {claims{"aud": "shop"}, claims{}, ports.CredentialMalformed, "", 0},
		"ID token of another issuer": {claims{"iss": "https://evil.example"}, claims{}, ports.CredentialMalformed, "", 0},
		"ID token of another login":  {claims{"nonce": "other"}, claims{}, ports.CredentialMalformed, "", 0},
		"ID token without a nonce":   {claims{"nonce": nil}, claims{}, ports.CredentialMalformed, "", 0},
		"expired ID token":           {claims{"exp": newClock().now().Add(-time.Second).Unix()}, claims{}, ports.CredentialMalformed, "", 0},
		"tokens that differ":         {claims{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, claims{}, ports.CredentialMalformed, "", 0},
	} {
		v := newVisitor(t, "secret")
		login := v.begin(t)
		v.answers(t, test.id, test.access)
		session, reason := v.end(t, login.Text, ports.LoginAnswer{State: v.asked.Get("state"), Code: "the-code", Issuer: v.URL})
		want(t, name, reason, test.want)
		if reason != "" {
			continue
		}
		if p := session.Principal; p.Subject != "oidc:anna" || len(p.Scopes) != 1 || p.Scopes[0] != test.scope || !p.Expires.Equal(v.c.now().Add(test.ends)) {
			t.Errorf("%s: %+v, now is %s", name, p, v.c.now())
		}
		want(t, name+", afterwards", v.takes(t, session.Text), "")
		v.c.advance(test.ends)
		want(t, name+", at its end", v.takes(t, session.Text), ports.CredentialExpired)
	}
}

// A login belongs to the browser that has begun it, for ten minutes.
func TestLogins_belongToABrowser(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, "secret")
	other := v.begin(t)
	otherState := v.asked.Get("state")
	login := v.begin(t)
	v.answers(t, nil, claims{})
	good := ports.LoginAnswer{State: v.asked.Get("state"), Code: "the-code"}
	session := v.logsIn(t, v.token(t, v.key, v.c, "", nil))
	for name, text := range map[string]string{"none": "", "another login": other.Text, "a session": session.Text, "changed": login.Text[:len(login.Text)-1] + "_"} {
		_, reason := v.end(t, text, good)
		want(t, name, reason, "login unknown")
	}
	for name, test := range map[string]struct {
		answer ports.LoginAnswer
		want   ports.CredentialReason
	}{
		"another state":    {ports.LoginAnswer{State: otherState, Code: "the-code"}, "login unknown"},
		"no state":         {ports.LoginAnswer{Code: "the-code"}, "login unknown"},
		"another provider": {ports.LoginAnswer{State: good.State, Code: "the-code", Issuer: "https://evil.example"}, ports.CredentialWrongIssuer},
		"nobody":           {ports.LoginAnswer{State: good.State}, "refused"},
		"another code":     {ports.LoginAnswer{State: good.State, Code: "stolen"}, "refused"},
	} {
		_, reason := v.end(t, login.Text, test.answer)
		want(t, name, reason, test.want)
	}
	v.set(func() { v.away = true })
	_, reason := v.end(t, login.Text, good)
	want(t, "while the provider is away", reason, "unavailable")
	v.set(func() { v.away = false })
	_, reason = v.end(t, login.Text, good)
	want(t, "all is right", reason, "")
	want(t, "a login is no session", v.takes(t, login.Text), ports.CredentialUnknown)
	v.c.advance(10 * time.Minute)
	_, reason = v.end(t, login.Text, good)
	want(t, "too late", reason, "login unknown")
}

func TestLogins_whileTheProviderIsAway(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, "")
	v.set(func() { v.away = true })
	if _, err := v.logins.BeginLogin(t.Context(), callback, "/ui/"); !errors.Is(err, ports.ErrAuthUnavailable) {
		t.Errorf("away: %v", err)
	}
	v.set(func() { v.away = false })
	v.c.advance(5 * time.Second)
	v.begin(t)
}
