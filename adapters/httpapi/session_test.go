package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"orderflow/ports"
)

// lobby lets people in whose token is a scope, as the doorkeeper does, and whose code is one.
type lobby struct {
	err      error
	redirect string // where the last login comes back to
}

func (l *lobby) BeginSession(ctx context.Context, token string) (ports.Session, error) {
	principal, err := doorkeeper{}.Authenticate(ctx, ports.Credentials{Bearer: token})
	principal.Expires = noon.Add(time.Hour)
	return ports.Session{Text: token, Principal: principal}, err
}

func (l *lobby) BeginLogin(_ context.Context, redirect, back string) (ports.Login, error) {
	l.redirect = redirect
	return ports.Login{Text: strings.ReplaceAll(back, "/", "."), Address: "https://login.example/auth", Expires: noon}, l.err
}

func (l *lobby) EndLogin(ctx context.Context, text string, answer ports.LoginAnswer) (ports.Session, string, error) {
	if l.err != nil {
		return ports.Session{}, "", l.err
	}
	session, err := l.BeginSession(ctx, answer.Code)
	return session, strings.ReplaceAll(text, ".", "/"), err
}

// front is an API to which people log in.
func front(t *testing.T, l *lobby, publicURL string) http.Handler {
	t.Helper()
	config := newShop().config()
	config.Authenticator, config.PublicURL = doorkeeper{}, publicURL
	config.sessions.Sessions, config.sessions.Logins = l, l
	return handlerOf(t, config)
}

// visit sends a request of a browser. Headers alternate between names and values.
func visit(handler http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, r)
	return answer
}

const asJSON = "application/json"

func TestSession_cookie(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		publicURL, target string
		cookie            string
		secure            bool
	}{
		"plain":              {"", "http://orders.example/v1/session", "orderflow-session", false},
		"TLS":                {"", "https://orders.example/v1/session", "__Host-orderflow-session", true},
		"TLS of a proxy":     {"https://orders.example", "http://10.0.0.7:8080/v1/session", "__Host-orderflow-session", true},
		"a proxy without it": {"http://orders.example", "http://10.0.0.7:8080/v1/session", "orderflow-session", false},
	} {
		handler := front(t, &lobby{}, test.publicURL)
		answer := visit(handler, "POST", test.target, `{"token":"ops.read"}`, "Content-Type", asJSON)
		cookies := answer.Result().Cookies()
		if answer.Code != http.StatusOK || len(cookies) != 1 {
			t.Fatalf("%s: %d %s, cookies %v", name, answer.Code, answer.Body, cookies)
		}
		c := cookies[0]
		if c.Name != test.cookie || c.Secure != test.secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" ||
			!c.Expires.Equal(noon.Add(time.Hour)) {
			t.Errorf("%s: cookie %v", name, c)
		}
		// over TLS a cookie that another host can have set does not count
		for shown, want := range map[string]int{
			test.cookie + "=ops.read":                                   200,
			"orderflow-session=ops.read":                                map[bool]int{true: 401, false: 200}[test.secure],
			test.cookie + "=ops.read; " + test.cookie + "=orders.write": 401,
			test.cookie + "=expired":                                    401,
		} {
			read := visit(handler, "GET", strings.Replace(test.target, "session", "consumers", 1), "", "Cookie", shown)
			if read.Code != want {
				t.Errorf("%s: %s reads with %d, want %d", name, shown, read.Code, want)
			}
		}
		gone := visit(handler, "DELETE", test.target, "", "Cookie", test.cookie+"=ops.read").Result().Cookies()
		if len(gone) != 1 || gone[0].Name != test.cookie || gone[0].Value != "" || gone[0].MaxAge >= 0 {
			t.Errorf("%s: after the logout %v", name, gone)
		}
	}
}

// A request that changes something needs more than the cookie, which a browser sends by itself.
func TestSession_changesNeedTheSameOrigin(t *testing.T) {
	t.Parallel()
	const cookie, tls = "orderflow-session=ops.write", "__Host-orderflow-session=ops.write"
	for name, test := range map[string]struct {
		publicURL, scheme string
		headers           []string
		want              int
	}{
		"own page":                {"", "http", []string{"Cookie", cookie, "Sec-Fetch-Site", "same-origin"}, 204},
		"own page, older browser": {"", "http", []string{"Cookie", cookie, "Origin", "http://orders.example"}, 204},
		"own page behind a proxy": {"https://o.example", "http", []string{"Cookie", tls, "Origin", "https://o.example"}, 204},
		"nothing says who":        {"", "http", []string{"Cookie", cookie}, 403},
		"another site":            {"", "http", []string{"Cookie", cookie, "Sec-Fetch-Site", "cross-site"}, 403},
		"a sibling":               {"", "http", []string{"Cookie", cookie, "Sec-Fetch-Site", "same-site", "Origin", "http://orders.example"}, 403},
		"typed":                   {"", "http", []string{"Cookie", cookie, "Sec-Fetch-Site", "none"}, 403},
		"another origin":          {"", "http", []string{"Cookie", cookie, "Origin", "http://evil.example"}, 403},
		"no origin":               {"", "http", []string{"Cookie", cookie, "Origin", "null"}, 403},
		"without TLS":             {"", "https", []string{"Cookie", tls, "Origin", "http://orders.example"}, 403},
		"not the proxy":           {"https://o.example", "http", []string{"Cookie", tls, "Origin", "http://orders.example"}, 403},
		"a token needs no origin": {"", "http", []string{"Cookie", "orderflow-session=expired", "Authorization", "Bearer ops.write"}, 204},
	} {
		answer := visit(front(t, &lobby{}, test.publicURL), "POST", test.scheme+"://orders.example/v1/consumers/orders-by-sku/pause", "", test.headers...)
		if answer.Code != test.want {
			t.Errorf("%s: %d %s, want %d", name, answer.Code, answer.Body, test.want)
		}
		if answer.Code == 403 && !strings.Contains(answer.Body.String(), "cross_origin") {
			t.Errorf("%s: %s", name, answer.Body)
		}
	}
	// and who is let in may still not do more than the scopes say
	if answer := visit(front(t, &lobby{}, ""), "GET", "/v1/consumers", "", "Cookie", "orderflow-session=orders.read"); answer.Code != 403 {
		t.Errorf("a session with another scope: %d", answer.Code)
	}
}

func TestSession_whoAmI(t *testing.T) {
	t.Parallel()
	handler := front(t, &lobby{}, "")
	for name, test := range map[string]struct {
		headers []string
		want    string
		cleared bool
	}{
		"nobody":    {nil, `{"asks":true,"ways":["token","provider"],"scopes":[],"session":false}`, false},
		"a token":   {[]string{"Authorization", "Bearer ops.read"}, `{"asks":true,"ways":["token","provider"],"subject":"token:ops.read","scopes":["ops:read"],"session":false}`, false},
		"a session": {[]string{"Cookie", "orderflow-session=ops.read"}, `{"asks":true,"ways":["token","provider"],"subject":"token:ops.read","scopes":["ops:read"],"session":true}`, false},
		"one that has ended": {
			[]string{"Cookie", "orderflow-session=expired"},
			`{"asks":true,"ways":["token","provider"],"scopes":[],"session":false,"refused":"expired"}`, true,
		},
	} {
		answer := visit(handler, "GET", "/v1/session", "", test.headers...)
		if got := strings.TrimSpace(answer.Body.String()); answer.Code != 200 || got != test.want || answer.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", name, answer.Code, got)
		}
		if cleared := answer.Header().Get("Set-Cookie") != ""; cleared != test.cleared {
			t.Errorf("%s: Set-Cookie %q", name, answer.Header().Get("Set-Cookie"))
		}
	}
	if answer := visit(handler, "GET", "/v1/session", "", "Cookie", "orderflow-session="+tokenUnavailable); answer.Code != 503 || answer.Header().Get("Set-Cookie") != "" {
		t.Errorf("while it is not known: %d %s", answer.Code, answer.Header())
	}
	config := newShop().config()
	config.sessions.Sessions, config.sessions.Logins = nil, nil
	open := handlerOf(t, config)
	if answer := visit(open, "GET", "/v1/session", ""); strings.TrimSpace(answer.Body.String()) != `{"asks":false,"ways":[],"scopes":[],"session":false}` {
		t.Errorf("of a service that asks nobody: %s", answer.Body)
	}
	if answer := visit(open, "POST", "/v1/session", `{"token":"x"}`, "Content-Type", asJSON); answer.Code != 405 {
		t.Errorf("login at a service that asks nobody: %d", answer.Code)
	}
}

func TestSession_badTokens(t *testing.T) {
	t.Parallel()
	handler := front(t, &lobby{}, "")
	for body, want := range map[string]int{
		`{"token":"expired"}`: 401,
		`{"token":""}`:        401,
		`{"token":"a b"}`:     401,
		`{"token":"` + strings.Repeat("a", 1<<15) + `"}`: 401,
		`{"token":"` + tokenUnavailable + `"}`:           503,
		`{}`:                                             400,
		`{"token":"admin","x":1}`:                        400,
	} {
		answer := visit(handler, "POST", "/v1/session", body, "Content-Type", asJSON)
		if answer.Code != want || answer.Header().Get("Set-Cookie") != "" {
			t.Errorf("%.40s: %d %s", body, answer.Code, answer.Body)
		}
	}
	if answer := visit(handler, "POST", "/v1/session", `{"token":"admin"}`, "Content-Type", asJSON, "Sec-Fetch-Site", "cross-site"); answer.Code != 403 {
		t.Errorf("another site logs a visitor in: %d", answer.Code)
	}
}

func TestLogin_comesBackToThePage(t *testing.T) {
	t.Parallel()
	l := &lobby{}
	handler := front(t, l, "")
	begun := visit(handler, "GET", "https://orders.example/v1/session/login?back="+url.QueryEscape("/ui/orders?status=SHIPPED"), "")
	if begun.Code != http.StatusSeeOther || begun.Header().Get("Location") != "https://login.example/auth" ||
		l.redirect != "https://orders.example/v1/session/callback" {
		t.Fatalf("%d %v, to come back to %s", begun.Code, begun.Header(), l.redirect)
	}
	c := begun.Result().Cookies()[0]
	if c.Name != "__Host-orderflow-login" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie %v", c)
	}
	// providers add what they like
	ended := visit(handler, "GET", "https://orders.example/v1/session/callback?state=s&code=admin&session_state=x&session_state=y", "",
		"Cookie", c.Name+"="+c.Value, "Sec-Fetch-Site", "cross-site")
	if ended.Code != http.StatusSeeOther || ended.Header().Get("Location") != "/ui/orders?status=SHIPPED" ||
		ended.Header().Get("Referrer-Policy") != "no-referrer" || ended.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", ended.Code, ended.Header())
	}
	got := map[string]string{}
	for _, c := range ended.Result().Cookies() {
		got[c.Name] = c.Value
	}
	if got["__Host-orderflow-session"] != "admin" || got["__Host-orderflow-login"] != "" || len(got) != 2 {
		t.Errorf("cookies %v", got)
	}
	l.err = nil
	if visit(front(t, l, "https://o.example"), "GET", "http://10.0.0.7/v1/session/login", ""); l.redirect != "https://o.example/v1/session/callback" {
		t.Errorf("behind a proxy the way back is %s", l.redirect)
	}
}

func TestLogin_neverGoesToAnotherSite(t *testing.T) {
	t.Parallel()
	handler := front(t, &lobby{}, "")
	for _, back := range []string{
		"https://evil.example/", "//evil.example/", "/\\evil.example", "/ui\\evil", "/uix", "/", "", "ui/", "/ui/\n", "/ui/é", "javascript:alert(1)",
		"/ui/" + strings.Repeat("a", 2000), "/ui/#x", "/ui/@evil.example", "/v1/orders",
	} {
		answer := visit(handler, "GET", "/v1/session/login?"+url.Values{"back": {back}}.Encode(), "")
		if answer.Code != 400 || answer.Header().Get("Set-Cookie") != "" {
			t.Errorf("back to %q: %d", back, answer.Code)
		}
	}
}

// What goes wrong is said by a code, and the browser is not logged in.
func TestLogin_failures(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"/ui/?login=unknown":        ports.ErrLoginUnknown,
		"/ui/?login=refused":        fmt.Errorf("end login: %w", ports.ErrLoginRefused),
		"/ui/?login=unavailable":    ports.ErrAuthUnavailable,
		"/ui/?login=wrong_audience": &ports.CredentialError{Reason: ports.CredentialWrongAudience},
	} {
		l := &lobby{err: err}
		handler := front(t, l, "")
		answer := visit(handler, "GET", "/v1/session/callback?state=a&error=access_denied", "", "Cookie", "orderflow-login=x")
		if answer.Code != http.StatusSeeOther || answer.Header().Get("Location") != want || len(answer.Result().Cookies()) != 1 {
			t.Errorf("%v: %d %v", err, answer.Code, answer.Header())
		}
	}
	l := &lobby{err: errors.New("a bug")}
	if answer := visit(front(t, l, ""), "GET", "/v1/session/callback", ""); answer.Code != 500 {
		t.Errorf("a bug: %d", answer.Code)
	}
	l.err = ports.ErrAuthUnavailable
	if answer := visit(front(t, l, ""), "GET", "/v1/session/login", ""); answer.Code != 303 || answer.Header().Get("Location") != "/ui/?login=unavailable" {
		t.Errorf("the provider is away: %d %v", answer.Code, answer.Header())
	}
}
