package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/ports"
)

// desk is a manager of tokens and a log of operations. It has one token, and remembers reasons.
type desk struct {
	err     error
	reasons []string
	asked   ports.TokenRequest
}

var aToken = ports.AccessToken{
	Name: "ci", ID: "id7", Scopes: []ports.Scope{ports.ScopeOpsRead}, CreatedBy: "local", CreatedAt: noon,
	ExpiresAt: noon.Add(time.Hour), RevokedAt: noon.Add(time.Minute),
}

func (d *desk) ListTokens(context.Context) ([]ports.AccessToken, error) {
	return []ports.AccessToken{aToken}, d.err
}

func (d *desk) CreateToken(ctx context.Context, r ports.TokenRequest) (string, ports.AccessToken, error) {
	d.reasons, d.asked = append(d.reasons, ports.ReasonOf(ctx)), r
	return "ofk_secret", aToken, d.err
}

func (d *desk) RevokeToken(ctx context.Context, name string) error {
	d.reasons = append(d.reasons, ports.ReasonOf(ctx)+" "+name)
	return d.err
}

func (d *desk) Operations(_ context.Context, after ports.Cursor, limit int) (ports.OperationPage, error) {
	e := ports.OperationEntry{
		ID: uuid.UUID{15: 1}, At: noon, Subject: "token:ci", TokenID: "id7", Action: "skip", Target: "orders-by-sku",
		AggregateID: uuid.UUID{15: 2}, Reason: "test data", Detail: fmt.Sprintf("%q %d", after, limit), Failure: "refused",
	}
	return ports.OperationPage{Entries: []ports.OperationEntry{e, {ID: e.ID, At: noon, Action: "repair"}}, Next: "next"}, d.err
}

func (d *desk) handler(t *testing.T) http.Handler {
	t.Helper()
	config := newShop().config()
	config.TokenManager, config.Operations = d, d
	return handlerOf(t, config)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	d := &desk{}
	handler := d.handler(t)
	answer := do(t, handler, get("/v1/tokens"))
	wantStatus(t, answer, 200)
	if text := answer.Body.String(); !strings.Contains(text, `"name":"ci"`) || strings.Contains(text, "hash") {
		t.Errorf("tokens %s", text)
	}
	answer = do(t, handler, post("/v1/tokens?reason=for+the+build", `{"name":"ci","role":"viewer","scopes":["ops:write"],"expires_at":"2026-03-02T12:00:00Z"}`))
	wantStatus(t, answer, 201)
	if text := answer.Body.String(); !strings.Contains(text, `"token":"ofk_secret"`) || answer.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("created %s %v", text, answer.Header())
	}
	if d.asked.Name != "ci" || d.asked.Role != ports.RoleViewer || len(d.asked.Scopes) != 1 || !d.asked.Expires.Equal(noon.Add(24*time.Hour)) {
		t.Errorf("asked for %+v", d.asked)
	}
	wantStatus(t, do(t, handler, post("/v1/tokens/ci/revoke?reason=lost", "")), 204)
	if got := strings.Join(d.reasons, ","); got != "for the build,lost ci" {
		t.Errorf("reasons %q", got)
	}
}

func TestTokens_refusals(t *testing.T) {
	t.Parallel()
	for field, body := range map[string]string{
		"name":       `{"name":"C I","role":"viewer"}`,
		"role":       `{"name":"ci"}`,
		"scopes":     `{"name":"ci","scopes":["everything"]}`,
		"expires_at": `{"name":"ci","role":"viewer","expires_at":"tomorrow"}`,
	} {
		d := &desk{}
		status, code := 422, "impossible_token"
		if strings.Contains(body, "tomorrow") || strings.Contains(body, "C I") {
			status, code = 400, "invalid_body"
		}
		wantProblem(t, do(t, d.handler(t), post("/v1/tokens", body)), status, code, field)
		if len(d.reasons) > 0 {
			t.Errorf("%s reached the desk", body)
		}
	}
	// An empty text is no end, and must not become "never".
	for field, body := range map[string]string{
		"role":       `{"name":"ci","role":"","scopes":["ops:read"]}`,
		"expires_at": `{"name":"ci","role":"viewer","expires_at":""}`,
	} {
		wantProblem(t, do(t, (&desk{}).handler(t), post("/v1/tokens", body)), 400, "invalid_body", field)
	}
	const good = `{"name":"ci","role":"viewer"}`
	wantProblem(t, do(t, (&desk{err: ports.ErrTokenTaken}).handler(t), post("/v1/tokens", good)), 409, "token_exists", "")
	wantProblem(t, do(t, (&desk{err: ports.ErrTooManyTokens}).handler(t), post("/v1/tokens", good)), 409, "too_many_tokens", "")
	wantProblem(t, do(t, (&desk{err: ports.ErrNotFound}).handler(t), post("/v1/tokens/x/revoke", "")), 404, "not_found", "")
	wantProblem(t, do(t, (&desk{err: ports.ErrUnavailable}).handler(t), get("/v1/tokens")), 503, "unavailable", "")
}

func TestOperations(t *testing.T) {
	t.Parallel()
	handler := (&desk{}).handler(t)
	answer := do(t, handler, get("/v1/operations?limit=7"))
	wantStatus(t, answer, 200)
	text := answer.Body.String()
	for _, part := range []string{`"subject":"token:ci"`, `"reason":"test data"`, `"failure":"refused"`, `\"\" 7`, `"next_cursor":`} {
		if !strings.Contains(text, part) {
			t.Errorf("%s is missing in %s", part, text)
		}
	}
	wantProblem(t, do(t, (&desk{err: ports.ErrBadCursor}).handler(t), get("/v1/operations")), 400, "bad_cursor", "cursor")
}

// A reason is for those who act.
func TestReason(t *testing.T) {
	t.Parallel()
	handler := handlerOf(t, newShop().config())
	wantStatus(t, do(t, handler, post("/v1/consumers/orders-by-sku/pause?reason=why", "")), 204)
	wantProblem(t, do(t, handler, get("/v1/consumers?reason=why")), 400, "invalid_parameter", "reason")
	wantProblem(t, do(t, handler, post("/v1/consumers/orders-by-sku/pause?reason="+strings.Repeat("x", 501), "")), 400, "invalid_parameter", "reason")
}

// Events say who has sent their command, if clients have to say that.
func TestCommands_actor(t *testing.T) {
	t.Parallel()
	shop := newShop()
	config := shop.config()
	config.Authenticator = doorkeeper{}
	send := post("/v1/orders", `{"customer_id":"ada","currency":"EUR","items":[{"sku":"TEA","quantity":1,"unit_price":1}]}`)
	wantStatus(t, do(t, handlerOf(t, config), send.with("Authorization", "Bearer orders.write")), 201)
	wantStatus(t, do(t, handlerOf(t, shop.config()), send.with("Authorization", "Bearer orders.write")), 201)
	if got := shop.requests[0].Metadata["actor"]; got != "token:orders.write" {
		t.Errorf("actor %q", got)
	}
	if got, claimed := shop.requests[1].Metadata["actor"]; claimed {
		t.Errorf("without authentication the actor is %q", got)
	}
}
