package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"orderflow/ports"
)

// OIDCConfig says which identity provider is trusted. Issuer and Audience are required.
type OIDCConfig struct {
	// Issuer is the address of the provider.
	Issuer string
	// Audience is what its tokens for this service have in aud.
	Audience string
	// ScopeClaim is the path of a claim with scopes or roles, with dots between the names, such as
	// realm_access.roles. Default: scope, or scp.
	ScopeClaim string
	// Now is the clock.
	Now func() time.Time
	// Client is how the provider is asked. Default: one with a timeout of 5 seconds.
	Client *http.Client
}

// Validate returns what is wrong with a configuration.
func (c OIDCConfig) Validate() error {
	issuer, err := url.Parse(c.Issuer)
	switch {
	case err != nil || issuer.Host == "" || issuer.Scheme != "https" && issuer.Scheme != "http" || issuer.RawQuery != "" || issuer.Fragment != "":
		return fmt.Errorf("issuer: %q is not an address such as https://login.example", c.Issuer)
	case issuer.Scheme == "http" && !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, issuer.Hostname()):
		return fmt.Errorf("issuer: %q must begin with https, so that nobody can pretend to be the provider", c.Issuer)
	case c.Audience == "":
		return errors.New("audience: it is missing; tokens for other services would be accepted without it")
	}
	return nil
}

const (
	// issuerTimeout bounds one request to the provider.
	issuerTimeout = 5 * time.Second
	// keysFresh is how long keys are used without another look.
	keysFresh = time.Hour
	// keysStale is how long they are used while the provider does not answer.
	keysStale = 24 * time.Hour
	// keysAgain is the shortest time between two looks for a key that is not known.
	keysAgain = 30 * time.Second
	// issuerAgain is the shortest time between two attempts to find the provider.
	issuerAgain = 5 * time.Second
	// leeway is how much the clocks may differ.
	leeway = time.Minute
	// maxSubject bounds the name of a client, in bytes.
	maxSubject = 200
	// maxKeys bounds the keys of a provider, in bytes.
	maxKeys = 1 << 20
)

// OIDC checks access tokens of an identity provider. The provider may be away when the service
// starts: until it answers, nobody is let through with such a token. It is safe for concurrent use.
type OIDC struct {
	config OIDCConfig

	asking sync.Mutex // is held while the provider is asked, so that one request asks for all

	mu      sync.Mutex // guards what was learnt
	at      addresses
	keys    jose.JSONWebKeySet
	readAt  time.Time // of the keys
	triedAt time.Time // of the last attempt
	failure error
}

// addresses are those of a provider. They are empty before the provider was found.
type addresses struct {
	jwks  string // of the keys
	login oauth2.Endpoint
}

// NewOIDC returns an OIDC. It does no I/O.
func NewOIDC(config OIDCConfig) *OIDC {
	if config.Client == nil {
		config.Client = &http.Client{Timeout: issuerTimeout}
	}
	return &OIDC{config: config}
}

// algorithms are those that tokens may be signed with. None of them has a secret that the service
// would know, so whoever can check tokens cannot make them.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}
}

// Principal returns who shows an access token.
func (o *OIDC) Principal(ctx context.Context, token string) (ports.Principal, error) {
	signed, err := jose.ParseSignedCompact(token, algorithms())
	if err != nil {
		return ports.Principal{}, refuse(ports.CredentialMalformed,
			"this is neither a token of this service nor one that the identity provider signs with RS256, ES256 or EdDSA")
	}
	header := signed.Signatures[0].Header
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); !isAccessToken(typ) {
		return ports.Principal{}, refuse(ports.CredentialMalformed, "the type of the token is not at+jwt or JWT")
	}
	payload, err := o.verify(ctx, signed, header.KeyID)
	if err != nil {
		return ports.Principal{}, err
	}
	return o.claims(payload, o.config.Audience)
}

func isAccessToken(typ string) bool {
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
	return typ == "" || typ == "jwt" || typ == "at+jwt"
}

// verify returns the payload of a token whose signature is right.
func (o *OIDC) verify(ctx context.Context, signed *jose.JSONWebSignature, keyID string) ([]byte, error) {
	keys, err := o.keysFor(ctx, keyID)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if payload, err := signed.Verify(key); err == nil {
			return payload, nil
		}
	}
	return nil, refuse(ports.CredentialBadSignature, "the signature of the token is not right")
}

// keysFor returns the keys with an id, or all keys for a token that names none.
//
// When the key is not known, and the provider was asked for it less than half a minute ago, it
// cannot be known whether the token is right: the provider may have a new key.
func (o *OIDC) keysFor(ctx context.Context, keyID string) ([]jose.JSONWebKey, error) {
	keys, due, err := o.look(keyID)
	if due && (len(keys) == 0 || o.asking.TryLock()) {
		if len(keys) == 0 {
			o.asking.Lock()
		}
		if _, due, _ = o.look(keyID); due { // or another request has asked meanwhile
			o.ask(ctx)
		}
		o.asking.Unlock()
		keys, _, err = o.look(keyID)
	}
	return keys, err
}

// look looks at the keys that are known. due says whether the provider has to be asked.
func (o *OIDC) look(keyID string) (keys []jose.JSONWebKey, due bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.config.Now()
	for _, key := range o.keys.Keys {
		if now.Sub(o.readAt) < keysStale && (keyID == "" || key.KeyID == keyID) && (key.Use == "" || key.Use == "sig") {
			keys = append(keys, key)
		}
	}
	wait := keysAgain
	if o.readAt.IsZero() {
		wait = issuerAgain
	}
	due = (len(keys) == 0 || now.Sub(o.readAt) >= keysFresh) && now.Sub(o.triedAt) >= wait
	if len(keys) == 0 {
		err = fmt.Errorf("%w: the identity provider has no key for this token yet: %w", ports.ErrAuthUnavailable,
			orElse(o.failure, errNoKey))
		// after a fresh look at the provider, a key that it does not have does not exist
		if o.failure == nil && !o.readAt.IsZero() && now.Sub(o.readAt) < issuerAgain {
			err = refuse(ports.CredentialBadSignature, "the identity provider does not have the key of the token")
		}
	}
	return keys, due, err
}

var errNoKey = errors.New("it was asked less than 30 seconds ago")

func orElse(err, otherwise error) error {
	if err == nil {
		return otherwise
	}
	return err
}

// ask finds the provider, unless that has been done, and reads its keys.
func (o *OIDC) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(context.WithoutCancel(ctx), o.config.Client), 2*issuerTimeout)
	defer cancel()
	o.mu.Lock()
	at := o.at
	o.mu.Unlock()
	at, keys, err := o.fetch(ctx, at)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.triedAt, o.failure, o.at = o.config.Now(), err, at
	if err == nil {
		o.keys, o.readAt = keys, o.triedAt
	}
}

func (o *OIDC) fetch(ctx context.Context, at addresses) (found addresses, keys jose.JSONWebKeySet, err error) {
	if at.jwks == "" {
		// it checks that the issuer says its own name
		provider, err := oidc.NewProvider(ctx, o.config.Issuer)
		if err != nil {
			return at, keys, fmt.Errorf("find the identity provider: %w", err)
		}
		var described struct {
			JWKS string `json:"jwks_uri"`
		}
		if err := provider.Claims(&described); err != nil {
			return at, keys, fmt.Errorf("find the keys of the identity provider: %w", err)
		}
		at = addresses{jwks: described.JWKS, login: provider.Endpoint()}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.jwks, nil)
	if err != nil {
		return at, keys, fmt.Errorf("ask for the keys of the identity provider: %w", err)
	}
	answer, err := o.config.Client.Do(request)
	if err != nil {
		return at, keys, fmt.Errorf("ask for the keys of the identity provider: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return at, keys, fmt.Errorf("ask for the keys of the identity provider: status %d", answer.StatusCode)
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, answer.Body, maxKeys)).Decode(&keys); err != nil {
		return at, keys, fmt.Errorf("read the keys of the identity provider: %w", err)
	}
	return at, keys, nil
}

// audience is a claim that is a text or a list of texts.
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = strings.Fields(one)
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// claims checks what a token for an audience says about itself.
func (o *OIDC) claims(payload []byte, wanted string) (ports.Principal, error) {
	var c struct {
		Issuer    string   `json:"iss"`
		Subject   string   `json:"sub"`
		ID        string   `json:"jti"`
		Audience  audience `json:"aud"`
		Expires   *float64 `json:"exp"`
		NotBefore *float64 `json:"nbf"`
		Scope     audience `json:"scope"`
		Scp       audience `json:"scp"`
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return ports.Principal{}, refuse(ports.CredentialMalformed, "the claims of the token cannot be read")
	}
	now := o.config.Now()
	switch {
	case c.Issuer != o.config.Issuer:
		return ports.Principal{}, refuse(ports.CredentialWrongIssuer, "the token is of another issuer")
	case !slices.Contains(c.Audience, wanted):
		return ports.Principal{}, refuse(ports.CredentialWrongAudience, "the token is for another service, not for %s", wanted)
	case c.Expires == nil:
		return ports.Principal{}, refuse(ports.CredentialMalformed, "the token has no end")
	case !now.Before(seconds(*c.Expires)):
		return ports.Principal{}, refuse(ports.CredentialExpired, "the token has expired at %s", stamp(seconds(*c.Expires)))
	case c.NotBefore != nil && now.Add(leeway).Before(seconds(*c.NotBefore)):
		return ports.Principal{}, refuse(ports.CredentialNotYetValid, "the token is not valid before %s", stamp(seconds(*c.NotBefore)))
	case c.Subject == "" || len(c.Subject) > maxSubject || len(c.ID) > maxSubject || strings.ContainsFunc(c.Subject+c.ID, notPrintable):
		return ports.Principal{}, refuse(ports.CredentialMalformed, "the subject of the token must have 1 to %d printable characters", maxSubject)
	}
	principal := ports.Principal{Subject: subjectOIDC + c.Subject, TokenID: c.ID, Expires: seconds(*c.Expires)}
	if o.config.ScopeClaim != "" {
		principal.Scopes = scopesAt(payload, o.config.ScopeClaim)
	} else {
		principal.Scopes = scopesIn(append(c.Scope, c.Scp...))
	}
	return principal, nil
}

func notPrintable(c rune) bool { return !unicode.IsPrint(c) }

// seconds returns a time of a claim. One that no time can hold is as late as possible.
func seconds(n float64) time.Time {
	const most = 1 << 40
	return time.Unix(int64(max(-most, min(n, most))), 0)
}

// scopesIn returns what of the names are scopes.
func scopesIn(names []string) (scopes []ports.Scope) {
	for _, name := range names {
		if scope := ports.Scope(name); scope.Valid() && scope != ports.ScopeOpen {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

// scopesAt returns the scopes, and those of the roles, that a claim names.
func scopesAt(payload []byte, path string) (scopes []ports.Scope) {
	at := json.RawMessage(payload)
	for name := range strings.SplitSeq(path, ".") {
		var object map[string]json.RawMessage
		if json.Unmarshal(at, &object) != nil {
			return nil
		}
		at = object[name]
	}
	var names audience
	if json.Unmarshal(at, &names) != nil {
		return nil
	}
	for _, name := range names {
		scopes = append(scopes, ports.Role(name).Scopes()...)
	}
	return append(scopes, scopesIn(names)...)
}
