package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/adapters/access"
	"orderflow/ports"
)

// scene is a service that trusts a provider, at which it is a client.
func scene(t *testing.T, public bool, changes ...string) (*provider, *service) {
	t.Helper()
	p := newProvider(t)
	if !public {
		changes = append([]string{"ORDERFLOW_OIDC_CLIENT_SECRET=" + clientSecret}, changes...)
	}
	s := serve(t, changes, "--auth=oidc", "--oidc-issuer="+p.issuer, "--oidc-audience=console", "--oidc-scope-claim=roles",
		"--oidc-client-id=console")
	p.register(s, public)
	return p, s
}

// A person logs in with code and PKCE, does what the role allows and nothing else, and logs out.
func TestLogin(t *testing.T) {
	for name, test := range map[string]struct{ public, opaque bool }{
		"client with a secret":    {false, false},
		"public client":           {true, false},
		"access token of no use":  {false, true},
		"the same, public client": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			p, s := scene(t, test.public)
			p.set(func() { p.opaque = test.opaque })
			b := newBrowser(t)
			b.wants(401, "credentials_missing", http.MethodGet, s.url+"/v1/consumers")
			if at := b.logIn(s, "/ui/orders?status=SHIPPED"); at.String() != s.url+"/ui/orders?status=SHIPPED" {
				t.Fatalf("after the login the browser is at %s", at)
			}
			b.wants(200, `"subject":"`+subject+`"`, http.MethodGet, s.url+"/v1/session")
			b.wants(200, "orders-by-sku", http.MethodGet, s.url+"/v1/consumers")
			b.wants(204, "", http.MethodPost, s.url+"/v1/consumers/orders-by-sku/pause?reason=by+hand")
			b.wants(200, `"subject":"`+subject+`"`, http.MethodGet, s.url+"/v1/operations")
			b.wants(403, "admin", http.MethodGet, s.url+"/v1/tokens")
			for _, at := range b.seen {
				if q := at.Query(); strings.HasSuffix(at.Path, "/authorize") && (q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "") {
					t.Errorf("the provider was asked without PKCE or nonce: %s", at)
				}
			}
			b.wants(204, "", http.MethodDelete, s.url+"/v1/session")
			b.wants(401, "credentials_missing", http.MethodGet, s.url+"/v1/consumers")
			if strings.Contains(s.log.String(), clientSecret) {
				t.Error("the log has the secret")
			}
		})
	}
}

// What a browser brings back is of use once, and for that browser only.
func TestLogin_isBoundToTheBrowser(t *testing.T) {
	_, s := scene(t, false)
	b, other := newBrowser(t), newBrowser(t)
	b.logIn(s, "/ui/")
	var callback *url.URL
	for _, at := range b.seen {
		if strings.HasSuffix(at.Path, "/v1/session/callback") {
			callback = at
		}
	}
	if callback == nil {
		t.Fatalf("the browser was at %v", b.seen)
	}
	for _, who := range []*browser{other, b} {
		if at, _, _ := who.do(http.MethodGet, callback.String(), nil); at.RequestURI() != "/ui/?login=unknown" {
			t.Errorf("the same answer again leads to %s", at)
		}
	}
	other.wants(401, "credentials_missing", http.MethodGet, s.url+"/v1/consumers")
	b.wants(200, "", http.MethodGet, s.url+"/v1/consumers")
}

// A service with a wrong secret lets nobody in, and says so.
func TestLogin_withAWrongSecret(t *testing.T) {
	_, s := scene(t, false, "ORDERFLOW_OIDC_CLIENT_SECRET=not-the-secret")
	b := newBrowser(t)
	if at := b.logIn(s, "/ui/"); at.RequestURI() != "/ui/?login=refused" {
		t.Errorf("the browser is at %s", at)
	}
	b.wants(401, "credentials_missing", http.MethodGet, s.url+"/v1/consumers")
	if log := s.log.String(); !strings.Contains(log, "somebody could not log in") || strings.Contains(log, "not-the-secret") {
		t.Error("the log does not say that somebody could not log in, or it has the secret")
	}
}

// While the provider is away nobody is let in, and the service works. Later it finds the provider
// by itself.
func TestLogin_whenTheProviderComesLater(t *testing.T) {
	p, s := scene(t, true)
	p.set(func() { p.away = true })
	b := newBrowser(t)
	login := s.url + "/v1/session/login"
	if at, status, _ := b.do(http.MethodGet, login, nil); at.RequestURI() != "/ui/?login=unavailable" || status != http.StatusOK {
		t.Errorf("the browser is at %s, %d", at, status)
	}
	b.wants(200, "", http.MethodGet, s.url+"/livez")
	b.wants(401, "credentials_missing", http.MethodGet, s.url+"/v1/consumers")
	p.set(func() { p.away = false })
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(2 * time.Minute); ; {
		if at, _, _ := b.do(http.MethodGet, login, nil); at.Scheme+"://"+at.Host == p.issuer {
			break
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatal("the service does not find the provider")
		}
	}
	if at := b.logIn(s, "/ui/"); at.RequestURI() != "/ui/" {
		t.Errorf("the browser is at %s", at)
	}
	b.wants(200, "", http.MethodGet, s.url+"/v1/consumers")
}

// The provider changes its keys while requests and logins go on. None is refused.
func TestLogin_whileKeysChange(t *testing.T) {
	p, s := scene(t, false)
	b := newBrowser(t)
	p.publish(t) // providers publish a key before they use it
	b.logIn(s, "/ui/")
	var requests, refused atomic.Int64
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			own := newBrowser(t)
			own.logIn(s, "/ui/")
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, status, _ := own.do(http.MethodGet, s.url+"/v1/consumers", nil); status != http.StatusOK {
					refused.Add(1)
				}
				requests.Add(1)
			}
		})
	}
	p.set(func() { p.signing = 1 })
	for range 3 {
		own := newBrowser(t)
		if at := own.logIn(s, "/ui/"); at.RequestURI() != "/ui/" {
			t.Errorf("a login with the new key leads to %s", at)
		}
		own.wants(200, "", http.MethodGet, s.url+"/v1/consumers")
	}
	p.set(func() { p.keys, p.signing = p.keys[1:], 0 }) // the old key is gone
	newBrowser(t).logIn(s, "/ui/")
	close(stop)
	group.Wait()
	if requests.Load() == 0 || refused.Load() != 0 {
		t.Errorf("%d of %d requests were refused", refused.Load(), requests.Load())
	}
}

// A key that nobody has seen before is fetched for the first token that needs it, once in half a
// minute.
func TestLogin_withAKeyThatWasNotAnnounced(t *testing.T) {
	p, _ := scene(t, false)
	var ahead atomic.Int64 // how far the clock of this process is ahead
	provider := access.NewOIDC(access.OIDCConfig{
		Issuer: p.issuer, Audience: "console", ScopeClaim: "roles", Client: http.DefaultClient,
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	door := &access.Door{OIDC: provider}
	if _, err := door.Authenticate(t.Context(), ports.Credentials{Bearer: p.token(t)}); err != nil {
		t.Fatal(err)
	}
	ahead.Store(int64(31 * time.Second))
	p.publish(t)
	p.set(func() { p.keys, p.signing = p.keys[1:], 0 })
	principal, err := door.Authenticate(t.Context(), ports.Credentials{Bearer: p.token(t)})
	if err != nil || principal.Subject != subject || !principal.Allows(ports.ScopeOpsWrite) {
		t.Errorf("%+v, %v", principal, err)
	}
}
