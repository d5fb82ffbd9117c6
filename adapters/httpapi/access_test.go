package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"orderflow/adapters/httpapi"
	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

// doorkeeper knows one token for each scope, whose text is the scope with a dot for the colon, and
// some tokens that it refuses. The text of a session is that of its token.
type doorkeeper struct{}

const tokenUnavailable = "unavailable"

func (doorkeeper) Authenticate(_ context.Context, shown ports.Credentials) (ports.Principal, error) {
	refuse := func(reason ports.CredentialReason) (ports.Principal, error) {
		return ports.Principal{}, &ports.CredentialError{Reason: reason, Detail: "this token is " + string(reason)}
	}
	if shown.Bearer == "" {
		shown.Bearer = shown.Session
	}
	scope := ports.Scope(strings.ReplaceAll(shown.Bearer, ".", ":"))
	switch {
	case shown.Bearer == "":
		return refuse(ports.CredentialMissing)
	case shown.Bearer == tokenUnavailable:
		return ports.Principal{}, ports.ErrAuthUnavailable
	case slices.Contains(ports.Scopes(), scope):
		return ports.Principal{Subject: "token:" + shown.Bearer, Scopes: []ports.Scope{scope}}, nil
	default:
		return refuse(ports.CredentialReason(shown.Bearer))
	}
}

// guarded is an API that asks for credentials, and its description.
func guarded(t testing.TB) (http.Handler, description) {
	t.Helper()
	config := newShop().config()
	config.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	config.Authenticator = doorkeeper{}
	handler := handlerOf(t, config)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	return handler, description{bodyOf[object](t, answer)}
}

// exampleOf returns a path with values for its parameters.
func exampleOf(template string) string {
	segments := strings.Split(template, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			segments[i] = "018f4e5a-0000-7000-8000-000000000001"
		}
	}
	return strings.Join(segments, "/")
}

// scopeOf returns the scope that the description asks for. It is "" for an open operation.
func scopeOf(t *testing.T, op object) ports.Scope {
	t.Helper()
	for _, way := range op["security"].([]any) {
		if needed, ok := way.(object)["bearer"].([]any); ok {
			return ports.Scope(needed[0].(string))
		}
	}
	if len(op["security"].([]any)[0].(object)) != 0 {
		t.Fatalf("security %v", op["security"])
	}
	return ""
}

// Every route against every kind of credentials. The routes, and what they need, come from the
// description.
func TestAccess_everyRouteByEveryCredential(t *testing.T) {
	t.Parallel()
	handler, described := guarded(t)
	open, closed := 0, 0
	for path, item := range described.paths() {
		for method, op := range item.(object) {
			scope := scopeOf(t, op.(object))
			if scope == "" {
				open++
			} else {
				closed++
			}
			try := func(want int, code string, headers ...string) {
				t.Helper()
				r := httptest.NewRequest(strings.ToUpper(method), exampleOf(path), nil)
				for _, value := range headers {
					r.Header.Add("Authorization", value)
				}
				answer := httptest.NewRecorder()
				handler.ServeHTTP(answer, r)
				var problem object
				if answer.Code >= 400 {
					problem = bodyOf[object](t, answer)
				}
				let := answer.Code != 401 && answer.Code != 403 && problem["code"] != "auth_unavailable"
				switch {
				case want == 200 && !let:
					t.Errorf("%s %s with %q is refused: %d %s", method, path, headers, answer.Code, answer.Body)
				case want != 200 && (answer.Code != want || problem["code"] != code):
					t.Errorf("%s %s with %q answers %d %s, want %d %s", method, path, headers, answer.Code, answer.Body, want, code)
				case want == 401 && !strings.HasPrefix(answer.Header().Get("WWW-Authenticate"), "Bearer "):
					t.Errorf("%s %s: WWW-Authenticate %q", method, path, answer.Header().Get("WWW-Authenticate"))
				}
			}
			if scope == "" {
				try(200, "")
				try(200, "", "Bearer expired")
				continue
			}
			try(401, "credentials_missing")
			try(401, "credentials_malformed", "Basic dXNlcjpwYXNz")
			try(401, "credentials_malformed", "Bearer")
			try(401, "credentials_malformed", "Bearer a b")
			for _, reason := range []string{"expired", "revoked", "unknown", "wrong_audience"} {
				try(401, "credentials_"+reason, "Bearer "+reason)
			}
			try(503, "auth_unavailable", "Bearer "+tokenUnavailable)
			try(400, "credentials_twice", "Bearer admin", "Bearer admin")
			for _, granted := range ports.Scopes() {
				if granted == scope || granted == ports.ScopeAdmin {
					try(200, "", "Bearer "+strings.ReplaceAll(string(granted), ":", "."))
				} else {
					try(403, "forbidden", "Bearer "+strings.ReplaceAll(string(granted), ":", "."))
				}
			}
		}
	}
	if open < 5 || closed < 20 {
		t.Errorf("%d open and %d closed operations: were they all found?", open, closed)
	}
}

// What is open is written down here. Nothing else may be.
func TestAccess_whatIsOpen(t *testing.T) {
	t.Parallel()
	_, described := guarded(t)
	var open []string
	for path, item := range described.paths() {
		for _, op := range item.(object) {
			if scopeOf(t, op.(object)) == "" {
				open = append(open, path)
			}
		}
	}
	slices.Sort(open)
	if want := []string{
		"/", "/asyncapi.yaml", "/livez", "/openapi.json", "/readyz", "/v1/session", "/v1/session", "/v1/session",
		"/v1/session/callback", "/v1/session/login",
	}; !slices.Equal(open, want) {
		t.Errorf("open are %v, want %v", open, want)
	}
}

func TestAccess_aRefusalNamesTheScope(t *testing.T) {
	t.Parallel()
	handler, _ := guarded(t)
	r := httptest.NewRequest(http.MethodPost, "/v1/consumers/orders-by-sku/pause", nil)
	r.Header.Set("Authorization", "bearer orders.read") // the scheme has no case
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, r)
	if answer.Code != http.StatusForbidden || !strings.Contains(answer.Body.String(), "ops:write") ||
		!strings.Contains(answer.Header().Get("WWW-Authenticate"), `scope="ops:write"`) {
		t.Errorf("%d %s %s", answer.Code, answer.Header(), answer.Body)
	}
}

func TestAccess_aTokenInTheURL(t *testing.T) {
	t.Parallel()
	handler, _ := guarded(t)
	for _, query := range []url.Values{
		{"access_token": {"x"}}, {"Token": {"x"}}, {"limit": {ports.TokenPrefix + "abc"}},
	} {
		for _, path := range []string{"/v1/consumers", "/livez"} {
			r := httptest.NewRequest(http.MethodGet, path+"?"+query.Encode(), nil)
			r.Header.Set("Authorization", "Bearer admin")
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, r)
			if problem := bodyOf[object](t, answer); answer.Code != 400 || problem["code"] != "credentials_in_url" {
				t.Errorf("%s?%s answers %d %s", path, query.Encode(), answer.Code, answer.Body)
			}
		}
	}
}

// Readiness says why only to those who may know.
func TestAccess_readiness(t *testing.T) {
	t.Parallel()
	config := newShop().config()
	config.Authenticator = doorkeeper{}
	config.Ready = func(context.Context) error { return errors.New("the disk at /srv is full") }
	noted := config
	noted.Ready = nil
	noted.Notes = func(context.Context) []string { return []string{"the disk at /srv fills up"} }
	handler, noting := handlerOf(t, config), handlerOf(t, noted)
	for token, told := range map[string]bool{"": false, "orders.read": false, "expired": false, "ops.read": true} {
		r := httptest.NewRequest(http.MethodGet, "/readyz", nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		if answer.Code != 503 || strings.Contains(answer.Body.String(), "/srv") != told {
			t.Errorf("%q is told %d %s", token, answer.Code, answer.Body)
		}
		answer = httptest.NewRecorder()
		noting.ServeHTTP(answer, r)
		if answer.Code != 200 || strings.Contains(answer.Body.String(), "/srv") != told {
			t.Errorf("%q is told of a service that is ready: %d %s", token, answer.Code, answer.Body)
		}
	}
}

// Whoever sends a command is a part of its context.
func TestAccess_thePrincipalReachesTheOperation(t *testing.T) {
	t.Parallel()
	shop := newShop()
	var got ports.Principal
	shop.consumers = func(ctx context.Context) []ports.ConsumerStatus {
		got = ports.PrincipalOf(ctx)
		return nil
	}
	config := shop.config()
	config.Authenticator = doorkeeper{}
	r := httptest.NewRequest(http.MethodGet, "/v1/consumers", nil)
	r.Header.Set("Authorization", "Bearer ops.read")
	handlerOf(t, config).ServeHTTP(httptest.NewRecorder(), r)
	if got.Subject != "token:ops.read" {
		t.Errorf("principal %+v", got)
	}
}

func TestAccess_anOperationWithoutAScope(t *testing.T) {
	t.Parallel()
	for _, scope := range []ports.Scope{"", "Orders:Read", "orders", "orders:read "} {
		_, err := httpapi.New(httpapi.Config{Resources: []endpoint.Resource{{Operations: []endpoint.Operation{{
			ID: "forgotten", Scope: scope, Method: http.MethodGet, Path: "/v1/forgotten",
			Answers: endpoint.OK("It.", ""),
			Run:     func(*endpoint.Call) (endpoint.Reply, error) { return endpoint.Reply{}, nil },
		}}}}})
		if err == nil || !strings.Contains(err.Error(), "forgotten") {
			t.Errorf("scope %q: %v", scope, err)
		}
	}
}

// Whatever the Authorization header is, the answer is a problem that is described, and only known
// tokens are let in.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{
		"", "Bearer", "Bearer ", "Bearer admin", "bearer  admin", "BEARER admin", "Basic YTpi", "Bearer a,b",
		"Bearer admin, Bearer admin", "Bearer\tadmin", "Bearer admin ", "Bearer " + strings.Repeat("a", 1<<15),
		"Bearer \x00", "Bearer admin=", "Digest x=y", "Bearer " + ports.TokenPrefix + "a_b_c", "Bearer é",
	} {
		f.Add(seed)
	}
	handler, _ := guarded(f)
	let := map[string]bool{"ops.read": true, "admin": true}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodGet, "/v1/consumers", nil)
		r.Header["Authorization"] = []string{header}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		scheme, token, _ := strings.Cut(header, " ")
		if answer.Code == http.StatusOK && !(strings.EqualFold(scheme, "bearer") && let[strings.TrimLeft(token, " ")]) {
			t.Errorf("%q is let in", header)
		}
		if !slices.Contains([]int{200, 401, 403}, answer.Code) && token != tokenUnavailable {
			t.Errorf("%q answers %d", header, answer.Code)
		}
	})
}

// The scopes of the roles grow, and every role is known.
func TestRoles(t *testing.T) {
	t.Parallel()
	for _, role := range ports.Roles() {
		if len(role.Scopes()) == 0 {
			t.Errorf("%s has no scopes", role)
		}
	}
	admin := ports.Principal{Scopes: ports.RoleAdmin.Scopes()}
	for _, scope := range []ports.Scope{ports.ScopeOpsWrite, "stock:read"} {
		if !admin.Allows(scope) {
			t.Errorf("an admin may not %s", scope)
		}
	}
	viewer := ports.Principal{Scopes: ports.RoleViewer.Scopes()}
	for _, scope := range []ports.Scope{
		ports.ScopeOrdersWrite, ports.ScopeOpsWrite, ports.ScopeAdmin, ports.ScopePersonalRead,
	} {
		if viewer.Allows(scope) {
			t.Errorf("a viewer may %s", scope)
		}
	}
}
