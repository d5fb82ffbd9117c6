package access_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"orderflow/adapters/access"
	"orderflow/ports"
)

// issuer is an identity provider. Its keys can change, and it can be away.
type issuer struct {
	*httptest.Server
	mu    sync.Mutex
	keys  []jose.JSONWebKey
	away  bool
	name  string // what it says its name is; empty for the right one
	asked int    // how often it was asked for its keys
	// exchange answers to codes
	exchange http.HandlerFunc
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{}
	i.Server = httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.away {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	name := i.URL
	if i.name != "" {
		name = i.name
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": name, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL, "token_endpoint": i.URL + "/token"})
	case "/token":
		i.exchange(w, r)
	case "/keys":
		i.asked++
		var public jose.JSONWebKeySet
		for _, key := range i.keys {
			public.Keys = append(public.Keys, key.Public())
		}
		_ = json.NewEncoder(w).Encode(public)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

// rotate gives the provider another key.
func (i *issuer) rotate(t *testing.T, id string, algorithm jose.SignatureAlgorithm) jose.JSONWebKey {
	t.Helper()
	var private crypto.PrivateKey
	var err error
	switch algorithm {
	case jose.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	key := jose.JSONWebKey{Key: private, KeyID: id, Algorithm: string(algorithm), Use: "sig"}
	i.set(func() { i.keys = []jose.JSONWebKey{key} })
	return key
}

type claims map[string]any

// token signs claims. changes replace the usual ones; a nil value removes one.
func (i *issuer) token(t *testing.T, key jose.JSONWebKey, c *clock, typ string, changes claims) string {
	t.Helper()
	all := claims{
		"iss": i.URL, "aud": "orderflow", "sub": "anna", "jti": "j1", "exp": c.now().Add(time.Hour).Unix(),
		"nbf": c.now().Unix(), "scope": "openid orders:read stream:read",
	}
	for name, value := range changes {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	options := &jose.SignerOptions{}
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// trusting returns a process that trusts the provider.
func (i *issuer) trusting(c *clock, scopeClaim string) process {
	return process{door: access.Door{OIDC: access.NewOIDC(access.OIDCConfig{
		Issuer: i.URL, Audience: "orderflow", ScopeClaim: scopeClaim, Now: c.now, Client: i.Client(),
	})}}
}

func TestOIDC_rules(t *testing.T) {
	t.Parallel()
	c, i := newClock(), newIssuer(t)
	key := i.rotate(t, "k1", jose.RS256)
	p := i.trusting(c, "")
	foreign := newIssuer(t).rotate(t, "k1", jose.RS256)
	symmetric := jose.JSONWebKey{Key: []byte(strings.Repeat("s", 32)), KeyID: "k1", Algorithm: string(jose.HS256)}
	for name, test := range map[string]struct {
		token string
		want  ports.CredentialReason
	}{
		"right":                    {i.token(t, key, c, "at+jwt", nil), ""},
		"of type JWT":              {i.token(t, key, c, "JWT", nil), ""},
		"without a type":           {i.token(t, key, c, "", nil), ""},
		"of another type":          {i.token(t, key, c, "logout+jwt", nil), ports.CredentialMalformed},
		"for several services":     {i.token(t, key, c, "", claims{"aud": []string{"shop", "orderflow"}}), ""},
		"for another service":      {i.token(t, key, c, "", claims{"aud": "shop"}), ports.CredentialWrongAudience},
		"for nobody":               {i.token(t, key, c, "", claims{"aud": nil}), ports.CredentialWrongAudience},
		"of another issuer":        {i.token(t, key, c, "", claims{"iss": "https://evil.example"}), ports.CredentialWrongIssuer},
		"expired":                  {i.token(t, key, c, "", claims{"exp": c.now().Unix()}), ports.CredentialExpired},
		"without an end":           {i.token(t, key, c, "", claims{"exp": nil}), ports.CredentialMalformed},
		"not valid yet":            {i.token(t, key, c, "", claims{"nbf": c.now().Add(2 * time.Minute).Unix()}), ports.CredentialNotYetValid},
		"of a clock that is ahead": {i.token(t, key, c, "", claims{"nbf": c.now().Add(30 * time.Second).Unix()}), ""},
		"of nobody":                {i.token(t, key, c, "", claims{"sub": ""}), ports.CredentialMalformed},
		"with a long subject":      {i.token(t, key, c, "", claims{"sub": strings.Repeat("x", 201)}), ports.CredentialMalformed},
		"with a subject of lines":  {i.token(t, key, c, "", claims{"sub": "a\nb"}), ports.CredentialMalformed},
		"with an audience of 7":    {i.token(t, key, c, "", claims{"aud": 7}), ports.CredentialMalformed},
		"signed by another":        {i.token(t, foreign, c, "", nil), ports.CredentialBadSignature},
		"signed with a secret":     {i.token(t, symmetric, c, "", nil), ports.CredentialMalformed},
		"signed with nothing":      {"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm5hIn0.", ports.CredentialMalformed},
		"a text":                   {"abc", ports.CredentialMalformed},
		"a token of this service":  {"ofk_a_b_c", ports.CredentialMalformed},
		"cut off":                  {i.token(t, key, c, "", nil)[:100], ports.CredentialMalformed},
		"with another end of it":   {i.token(t, key, c, "", nil) + "AA", ports.CredentialMalformed},
	} {
		got := p.shows(t, test.token)
		if name == "with another end of it" && got == ports.CredentialBadSignature {
			continue
		}
		want(t, name, got, test.want)
	}
}

func TestOIDC_scopes(t *testing.T) {
	t.Parallel()
	c, i := newClock(), newIssuer(t)
	key := i.rotate(t, "k1", jose.ES256)
	for name, test := range map[string]struct {
		path   string
		claims claims
		allows []ports.Scope
		denies []ports.Scope
	}{
		"scope":      {"", nil, []ports.Scope{ports.ScopeOrdersRead, ports.ScopeStreamRead}, []ports.Scope{ports.ScopeOrdersWrite}},
		"scp":        {"", claims{"scope": nil, "scp": []string{"ops:read"}}, []ports.Scope{ports.ScopeOpsRead}, []ports.Scope{ports.ScopeOrdersRead}},
		"none":       {"", claims{"scope": "openid profile open"}, []ports.Scope{ports.ScopeOpen}, []ports.Scope{ports.ScopeOrdersRead}},
		"roles":      {"realm_access.roles", claims{"realm_access": claims{"roles": []string{"operator", "offline"}}}, []ports.Scope{ports.ScopeOpsWrite}, []ports.Scope{ports.ScopeAdmin}},
		"no path":    {"realm_access.roles", claims{"realm_access": "operator"}, nil, []ports.Scope{ports.ScopeOrdersRead}},
		"not a list": {"roles", claims{"roles": 7}, nil, []ports.Scope{ports.ScopeOrdersRead}},
	} {
		p := i.trusting(c, test.path)
		principal, err := p.door.Authenticate(t.Context(), ports.Credentials{Bearer: i.token(t, key, c, "", test.claims)})
		if err != nil || principal.Subject != "oidc:anna" || principal.TokenID != "j1" || principal.Expires.IsZero() {
			t.Errorf("%s: principal %+v, %v", name, principal, err)
		}
		for _, scope := range test.allows {
			if !principal.Allows(scope) {
				t.Errorf("%s: %s is not allowed: %+v", name, scope, principal)
			}
		}
		for _, scope := range test.denies {
			if principal.Allows(scope) {
				t.Errorf("%s: %s is allowed: %+v", name, scope, principal)
			}
		}
	}
}

// A provider that is away when the service starts, and later.
func TestOIDC_away(t *testing.T) {
	t.Parallel()
	c, i := newClock(), newIssuer(t)
	key := i.rotate(t, "k1", jose.EdDSA)
	token := i.token(t, key, c, "", claims{"exp": c.now().Add(24 * time.Hour).Unix()})
	i.set(func() { i.away = true })
	p := i.trusting(c, "")
	want(t, "while it is away", p.shows(t, token), "unavailable")
	i.set(func() { i.away = false })
	want(t, "before it is asked again", p.shows(t, token), "unavailable")
	c.advance(5 * time.Second)
	want(t, "when it is back", p.shows(t, token), "")
	i.set(func() { i.away = true })
	c.advance(2 * time.Hour)
	want(t, "away later", p.shows(t, token), "")
	long := i.token(t, key, c, "", claims{"exp": c.now().Add(48 * time.Hour).Unix()})
	c.advance(23 * time.Hour)
	want(t, "away for a day", p.shows(t, long), "unavailable")

	other := newIssuer(t)
	other.name = "https://somebody.example"
	want(t, "one with another name", other.trusting(c, "").shows(t, token), "unavailable")
}

// Keys change, and no token is refused that is right.
func TestOIDC_rotation(t *testing.T) {
	t.Parallel()
	c, i := newClock(), newIssuer(t)
	first := i.rotate(t, "k1", jose.RS256)
	p := i.trusting(c, "")
	want(t, "the first key", p.shows(t, i.token(t, first, c, "", nil)), "")
	c.advance(time.Minute)
	second := i.rotate(t, "k2", jose.ES256)
	want(t, "a new key", p.shows(t, i.token(t, second, c, "", nil)), "")
	third := i.rotate(t, "k3", jose.EdDSA)
	c.advance(10 * time.Second)
	// not refused for good
	want(t, "a third key, at once", p.shows(t, i.token(t, third, c, "", nil)), "unavailable")
	c.advance(20 * time.Second)
	want(t, "a third key, half a minute later", p.shows(t, i.token(t, third, c, "", nil)), "")

	// tokens with keys that do not exist make few requests
	before := i.asked
	stranger := newIssuer(t).rotate(t, "nowhere", jose.ES256)
	for range 100 {
		if got := p.shows(t, i.token(t, stranger, c, "", nil)); got == "" {
			t.Fatal("a key that does not exist is accepted")
		}
		c.advance(time.Second)
	}
	if n := i.asked - before; n > 4 {
		t.Errorf("the provider was asked %d times in 100 seconds", n)
	}
}

func TestOIDCConfig_Validate(t *testing.T) {
	t.Parallel()
	good := access.OIDCConfig{Issuer: "https://login.example/realms/shop", Audience: "orderflow"}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []access.OIDCConfig{
		{Issuer: "http://login.example", Audience: "x"}, {Issuer: "login.example", Audience: "x"}, {Issuer: "https://login.example"}, {Audience: "x"},
	} {
		if bad.Validate() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}
