package login_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	username, password = "test-user@127.0.0.1", "verysecure"
	subject            = "oidc:id1"
	clientSecret       = "a-secret-of-the-client"
)

// provider is an identity provider whose keys change.
type provider struct {
	*storage.Storage
	issuer  string
	clients map[string]*storage.Client

	mu sync.Mutex // guards all below
	// keys are published, and signing is the number of the one that signs.
	keys    []*rsaKey
	signing int
	// opaque makes access tokens that only the provider can read.
	opaque bool
	roles  []string
	// away makes it answer nothing
	away bool
}

// newProvider makes a provider, and serves it at an address that nobody else has.
func newProvider(t *testing.T) *provider {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{issuer: "http://" + listener.Addr().String(), roles: []string{"operator"}, clients: map[string]*storage.Client{}}
	p.Storage = storage.NewStorageWithClients(storage.NewUserStore(p.issuer), p.clients)
	p.publish(t)
	quiet := slog.New(slog.DiscardHandler)
	router := exampleop.SetupServer(p.issuer, p, quiet, false, op.WithAllowInsecure(), op.WithLogger(quiet))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.isAway() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		router.ServeHTTP(w, r)
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close() // what is in flight belongs to this test
		<-ended
	})
	return p
}

func (p *provider) isAway() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.away
}

// register makes the service a client. Nobody has logged in before.
func (p *provider) register(s *service, public bool) {
	callback := s.url + "/v1/session/callback"
	p.clients["console"] = storage.WebClient("console", clientSecret, callback)
	if public {
		p.clients["console"] = storage.NativeClient("console", callback)
	}
}

// publish adds a key, which does not sign yet unless it is the first one.
func (p *provider) publish(t *testing.T) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.set(func() { p.keys = append(p.keys, &rsaKey{rand.Text(), private}) })
}

func (p *provider) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// rsaKey is a key, whose public part is published.
type rsaKey struct {
	id      string
	private *rsa.PrivateKey
}

func (k *rsaKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k *rsaKey) Key() any                                    { return k.private }
func (k *rsaKey) ID() string                                  { return k.id }

type publicKey struct{ *rsaKey }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return &k.private.PublicKey }

func (p *provider) SigningKey(context.Context) (op.SigningKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[p.signing], nil
}

func (p *provider) KeySet(context.Context) (public []op.Key, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range p.keys {
		public = append(public, publicKey{key})
	}
	return public, nil
}

// client is a client that gets tokens as the provider says.
type client struct {
	op.Client
	opaque bool
}

func (c client) AccessTokenType() op.AccessTokenType {
	if c.opaque {
		return op.AccessTokenTypeBearer
	}
	return op.AccessTokenTypeJWT
}
func (c client) IDTokenUserinfoClaimsAssertion() bool { return true }

func (p *provider) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	known, err := p.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return client{known, p.opaque}, nil
}

// The roles of people are in a claim of the access token, and of the ID token.

func (p *provider) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return map[string]any{"roles": p.roles}, nil
}

func (p *provider) SetUserinfoFromRequest(
	ctx context.Context, info *oidc.UserInfo, request op.IDTokenRequest, scopes []string,
) error {
	p.mu.Lock()
	info.AppendClaims("roles", p.roles)
	p.mu.Unlock()
	return p.Storage.SetUserinfoFromRequest(ctx, info, request, scopes)
}

// request asks for an access token of the person, as a login does.
type request struct{}

func (request) GetSubject() string    { return "id1" }
func (request) GetAudience() []string { return []string{"console"} }
func (request) GetScopes() []string   { return []string{oidc.ScopeOpenID} }

// token returns an access token for the client of the service.
func (p *provider) token(t *testing.T) string {
	t.Helper()
	known, err := p.GetClientByClientID(t.Context(), "console")
	if err != nil {
		t.Fatal(err)
	}
	token, err := op.CreateJWT(t.Context(), p.issuer, request{}, time.Now().Add(5*time.Minute), rand.Text(), known, p)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
