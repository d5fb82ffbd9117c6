package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"orderflow/ports"
)

// accessLog serves requests and returns the lines of the access log, without their times.
func accessLog(t *testing.T, requests ...*http.Request) (lines []object) {
	t.Helper()
	var log bytes.Buffer
	config := newShop().config()
	config.Authenticator = doorkeeper{}
	config.AccessLog = slog.New(slog.NewJSONHandler(&log, nil))
	handler := handlerOf(t, config)
	for _, r := range requests {
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	for line := range strings.Lines(log.String()) {
		var one object
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if one["time"] == nil || one["level"] != "INFO" || one["msg"] != "request" {
			t.Errorf("line %s", line)
		}
		if seconds, ok := one["http.server.request.duration"].(float64); !ok || seconds < 0 || seconds > 60 {
			t.Errorf("duration %v", one["http.server.request.duration"])
		}
		for _, name := range []string{"time", "level", "msg", "http.server.request.duration"} {
			delete(one, name)
		}
		lines = append(lines, one)
	}
	if len(lines) != len(requests) {
		t.Fatalf("%d lines for %d requests:\n%s", len(lines), len(requests), &log)
	}
	return lines
}

func TestAccessLog_saysWhoAskedForWhat(t *testing.T) {
	t.Parallel()
	asks := func(method, path, token, body string) *http.Request {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		return r
	}
	odd := asks("BREW", "/v1/orders", "", "")
	odd.Header.Set("User-Agent", strings.Repeat("x", 1000))
	lines := accessLog(t,
		asks(http.MethodGet, "/v1/orders/"+orderID+"/events?after=7", "orders.read", ""),
		asks(http.MethodPost, "/v1/orders", "orders.read", "{}"),
		odd,
	)
	for i, want := range []object{
		{
			"http.request.method": "GET", "http.response.status_code": 404.0, "http.route": "/v1/orders/{id}/events",
			"url.path": "/v1/orders/" + orderID + "/events", "url.scheme": "http", "client.address": "192.0.2.1",
			"server.address": "example.com", "network.protocol.name": "http", "network.protocol.version": "1.1",
			"user.id": "token:orders.read",
		},
		{"http.response.status_code": 403.0, "user.id": "token:orders.read", "http.request.body.size": 2.0, "url.path": "/v1/orders"},
		{
			"http.request.method": "_OTHER", "http.request.method_original": "BREW", "http.response.status_code": 405.0,
			"user_agent.original": strings.Repeat("x", 256) + "...", "user.id": nil,
		},
	} {
		for name, value := range want {
			if lines[i][name] != value {
				t.Errorf("line %d: %s = %v, want %v", i, name, lines[i][name], value)
			}
		}
		if size, _ := lines[i]["http.response.body.size"].(float64); size == 0 {
			t.Errorf("line %d: no size of the answer", i)
		}
	}
}

// A log outlives what is erased from the store, and others than the owners of the data read it.
func TestAccessLog_hasNeitherPersonsNorSecrets(t *testing.T) {
	t.Parallel()
	const secret = "hidden-7f3a"
	requests := []*http.Request{
		httptest.NewRequest(http.MethodGet, "/v1/customers/"+secret+"/orders", nil),
		httptest.NewRequest(http.MethodGet, "/v1/orders?sku="+secret, nil),
		httptest.NewRequest(http.MethodGet, "/v1/orders/"+secret, nil),
		httptest.NewRequest(http.MethodGet, "/"+secret, nil),
		httptest.NewRequest(http.MethodGet, "/v1/orders?token="+secret, nil),
		httptest.NewRequest(http.MethodGet, "/v1/orders", nil),
	}
	requests[5].Header.Set("Authorization", "Bearer "+secret)
	for _, line := range accessLog(t, requests...) {
		for name, value := range line {
			if text, ok := value.(string); ok && strings.Contains(text, secret) {
				t.Errorf("%s = %s", name, text)
			}
		}
	}
}

// dial is the level of a log.
type dial struct{ level atomic.Int64 }

func (d *dial) LogLevel() slog.Level { return slog.Level(d.level.Load()) }

func (d *dial) SetLogLevel(_ context.Context, level slog.Level) error {
	d.level.Store(int64(level))
	return nil
}

func TestLogLevel(t *testing.T) {
	t.Parallel()
	config, d := newShop().config(), &dial{}
	config.LogLevels = d
	handler := handlerOf(t, config)
	for _, test := range []struct {
		request request
		status  int
		says    string
		level   slog.Level
	}{
		{get("/v1/log-level"), 200, `{"level":"info"}`, slog.LevelInfo},
		{put("/v1/log-level?reason=a+test", `{"level":"debug"}`), 200, `{"level":"debug"}`, slog.LevelDebug},
		{get("/v1/log-level"), 200, `{"level":"debug"}`, slog.LevelDebug},
		{put("/v1/log-level", `{"level":"loud"}`), 400, `must be debug, info, warn or error`, slog.LevelDebug},
		{put("/v1/log-level", `{"level":"INFO+1"}`), 400, `"level"`, slog.LevelDebug},
		{put("/v1/log-level", `{}`), 400, `"level"`, slog.LevelDebug},
		{put("/v1/log-level", `{"level":"error"}`), 200, `{"level":"error"}`, slog.LevelError},
	} {
		answer := do(t, handler, test.request)
		if answer.Code != test.status || !strings.Contains(answer.Body.String(), test.says) || d.LogLevel() != test.level {
			t.Errorf("%s %s: %d %s, level %s", test.request.method, test.request.path, answer.Code, answer.Body, d.LogLevel())
		}
	}
}

// Profiles are there on request only, for administrators only, and never on the address of
// everybody when operators have their own.
func TestProfiles(t *testing.T) {
	t.Parallel()
	asks := func(profiles, public bool, path string, scope ports.Scope) int {
		config := newShop().config()
		config.Profiles, config.WithoutOperations, config.Authenticator = profiles, public, doorkeeper{}
		r := httptest.NewRequest(http.MethodGet, path, nil)
		if scope != "" {
			r.Header.Set("Authorization", "Bearer "+strings.ReplaceAll(string(scope), ":", "."))
		}
		answer := httptest.NewRecorder()
		handlerOf(t, config).ServeHTTP(answer, r)
		return answer.Code
	}
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/goroutine?debug=2", "/debug/pprof/profile?seconds=1"} {
		for _, scope := range append(slices.DeleteFunc(ports.Scopes(), func(s ports.Scope) bool { return s == ports.ScopeAdmin }), "") {
			want := http.StatusForbidden
			if scope == "" {
				want = http.StatusUnauthorized
			}
			if got := asks(true, false, path, scope); got != want {
				t.Errorf("%s with %q: status %d, want %d", path, scope, got, want)
			}
		}
		if got := asks(false, false, path, ports.ScopeAdmin); got != http.StatusNotFound {
			t.Errorf("%s without profiles: status %d", path, got)
		}
		if got := asks(true, true, path, ports.ScopeAdmin); got != http.StatusNotFound {
			t.Errorf("%s on the address of everybody: status %d", path, got)
		}
		if strings.Contains(path, "profile") {
			continue // takes a second
		}
		if got := asks(true, false, path, ports.ScopeAdmin); got != http.StatusOK {
			t.Errorf("%s: status %d", path, got)
		}
	}
	if got := asks(true, false, "/debug/pprof/nothing", ports.ScopeAdmin); got != http.StatusNotFound {
		t.Errorf("a profile that does not exist: status %d", got)
	}
}
