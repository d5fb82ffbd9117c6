package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"orderflow/ports"
)

// LoginConfig says how people log in at an identity provider. ClientID is required.
type LoginConfig struct {
	// ClientID and ClientSecret are those of this service at the provider. A public client has no
	// secret.
	ClientID, ClientSecret string
	// Scopes are what is asked for beside openid.
	Scopes []string
}

const (
	// loginLife is how long a person may take to log in at the provider.
	loginLife = 10 * time.Minute
	// mostExchanges bounds the codes that are exchanged at the same time, because everybody can
	// cause that.
	mostExchanges = 16
)

// Logins lets people log in with an authorization code and PKCE. What a login needs when the
// browser comes back is sealed and kept by the browser, so any process with the same key can end
// it. It is safe for concurrent use.
type Logins struct {
	config   LoginConfig
	provider *OIDC
	sessions *Sessions
	// exchanges has room for those that are in progress
	exchanges chan struct{}
}

var _ ports.Logins = (*Logins)(nil)

// NewLogins returns Logins at a provider. It does no I/O.
func NewLogins(config LoginConfig, provider *OIDC, sessions *Sessions) *Logins {
	return &Logins{config: config, provider: provider, sessions: sessions, exchanges: make(chan struct{}, mostExchanges)}
}

// sealedLogin is what a browser keeps while a person logs in.
type sealedLogin struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Redirect string `json:"r"`
	Back     string `json:"b"`
	Expires  int64  `json:"e"`
}

// BeginLogin implements [ports.Logins].
func (l *Logins) BeginLogin(ctx context.Context, redirect, back string) (ports.Login, error) {
	at, err := l.provider.found(ctx)
	if err != nil {
		return ports.Login{}, err
	}
	end := l.provider.config.Now().Add(loginLife)
	kept := sealedLogin{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Redirect: redirect, Back: back,
		Expires: end.Unix(),
	}
	text, err := l.sessions.logins.close(kept)
	if err != nil {
		return ports.Login{}, err
	}
	address := l.client(at, redirect).AuthCodeURL(kept.State, oidc.Nonce(kept.Nonce), oauth2.S256ChallengeOption(kept.Verifier))
	return ports.Login{Text: text, Address: address, Expires: end}, nil
}

func (l *Logins) client(at addresses, redirect string) *oauth2.Config {
	if l.config.ClientSecret == "" { // there is nothing to try first
		at.login.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: l.config.ClientID, ClientSecret: l.config.ClientSecret, Endpoint: at.login, RedirectURL: redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, l.config.Scopes...),
	}
}

// EndLogin implements [ports.Logins].
func (l *Logins) EndLogin(ctx context.Context, text string, answer ports.LoginAnswer) (ports.Session, string, error) {
	var kept sealedLogin
	if err := l.sessions.logins.open(text, &kept); err != nil || !same(kept.State, answer.State) ||
		!l.provider.config.Now().Before(time.Unix(kept.Expires, 0)) {
		return ports.Session{}, "", fmt.Errorf("end login: %w", ports.ErrLoginUnknown)
	}
	switch {
	case answer.Issuer != "" && answer.Issuer != l.provider.config.Issuer: // RFC 9207
		return ports.Session{}, "", refuse(ports.CredentialWrongIssuer, "another identity provider has answered")
	case answer.Code == "":
		return ports.Session{}, "", fmt.Errorf("end login: %w", ports.ErrLoginRefused)
	}
	principal, err := l.exchange(ctx, kept, answer.Code)
	if err != nil {
		return ports.Session{}, "", err
	}
	session, err := l.sessions.begin(principal)
	return session, kept.Back, err
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// exchange returns who has got a code.
func (l *Logins) exchange(ctx context.Context, kept sealedLogin, code string) (ports.Principal, error) {
	select {
	case l.exchanges <- struct{}{}:
		defer func() { <-l.exchanges }()
	default:
		return ports.Principal{}, fmt.Errorf("end login: %w: %d logins are being ended", ports.ErrAuthUnavailable, mostExchanges)
	}
	at, err := l.provider.found(ctx)
	if err != nil {
		return ports.Principal{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, l.provider.config.Client), issuerTimeout)
	defer cancel()
	tokens, err := l.client(at, kept.Redirect).Exchange(ctx, code, oauth2.VerifierOption(kept.Verifier))
	if err != nil {
		return ports.Principal{}, exchangeError(err)
	}
	return l.principal(ctx, tokens, kept.Nonce)
}

// exchangeError tells a code that the provider has refused from a provider that does not answer.
// What it answers may contain secrets, so only its code for the error is kept.
func exchangeError(err error) error {
	var answered *oauth2.RetrieveError
	if !errors.As(err, &answered) {
		return fmt.Errorf("end login: %w: %w", ports.ErrAuthUnavailable, err)
	}
	if answered.Response != nil && answered.Response.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("end login: %w: the identity provider answers %d", ports.ErrAuthUnavailable, answered.Response.StatusCode)
	}
	return fmt.Errorf("end login: %w: it answers %.64q to the code", ports.ErrLoginRefused, answered.ErrorCode)
}

// principal returns who has logged in. The ID token says that it is this login. The rights are
// those of the access token. An access token that is for the provider only cannot be read: then
// they are those of the ID token.
func (l *Logins) principal(ctx context.Context, tokens *oauth2.Token, nonce string) (ports.Principal, error) {
	raw, _ := tokens.Extra("id_token").(string)
	keys := &keySet{provider: l.provider}
	id, err := oidc.NewVerifier(l.provider.config.Issuer, keys, &oidc.Config{
		ClientID: l.config.ClientID, Now: l.provider.config.Now, SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256, oidc.EdDSA},
	}).Verify(ctx, raw)
	switch {
	case errors.Is(keys.err, ports.ErrAuthUnavailable):
		return ports.Principal{}, keys.err
	case err != nil:
		return ports.Principal{}, refuse(ports.CredentialMalformed, "the ID token of the identity provider is not right: %v", err)
	case !same(id.Nonce, nonce):
		return ports.Principal{}, refuse(ports.CredentialMalformed, "the ID token is of another login")
	case id.AccessTokenHash != "" && id.VerifyAccessToken(tokens.AccessToken) != nil:
		return ports.Principal{}, refuse(ports.CredentialMalformed, "the access token does not belong to the ID token")
	}
	if _, err := jose.ParseSignedCompact(tokens.AccessToken, algorithms()); err != nil {
		return l.provider.claims(keys.payload, l.config.ClientID)
	}
	principal, err := l.provider.Principal(ctx, tokens.AccessToken)
	if err == nil && principal.Subject != subjectOIDC+id.Subject {
		err = refuse(ports.CredentialMalformed, "the access token is of another person than the ID token")
	}
	return principal, err
}

// keySet checks the signature of one ID token with the keys of the provider, see [oidc.KeySet].
type keySet struct {
	provider *OIDC
	payload  []byte
	err      error
}

// VerifySignature implements [oidc.KeySet].
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, algorithms())
	if err != nil {
		return nil, err
	}
	k.payload, k.err = k.provider.verify(ctx, signed, signed.Signatures[0].Header.KeyID)
	return k.payload, k.err
}

// found returns the addresses of the provider.
func (o *OIDC) found(ctx context.Context) (addresses, error) {
	look := func() (at addresses, due bool, err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		due = o.at.jwks == "" && o.config.Now().Sub(o.triedAt) >= issuerAgain
		if o.at.jwks == "" {
			err = fmt.Errorf("%w: %w", ports.ErrAuthUnavailable, orElse(o.failure, errNoKey))
		}
		return o.at, due, err
	}
	at, due, err := look()
	if due {
		o.asking.Lock()
		defer o.asking.Unlock()
		if _, due, _ = look(); due { // or another request has asked meanwhile
			o.ask(ctx)
		}
		at, _, err = look()
	}
	return at, err
}
