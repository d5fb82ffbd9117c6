package client

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func serve(t *testing.T, handle http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server.URL
}

// newScript serves these bodies one after the other, the last of them again and again.
func newScript(t *testing.T, answers ...string) (url string) {
	t.Helper()
	var mu sync.Mutex
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		io.WriteString(w, answers[0])
		if len(answers) > 1 {
			answers = answers[1:]
		}
	})
}

// consumersAre returns an answer of GET /v1/consumers.
func consumersAre(statuses ...string) string {
	return `{"consumers":[` + strings.Join(statuses, ",") + `]}`
}

func TestSettle(t *testing.T) {
	t.Parallel()
	status := func(state, more string) string {
		return fmt.Sprintf(`{"name":"a","state":%q,"lag":{"known":true,"events":5}%s}`, state, more)
	}
	const current = `{"name":"a","state":"running","lag":{"known":true,"events":0}}`
	settle := func(t *testing.T, stall time.Duration, answers ...string) []Status {
		url := newScript(t, answers...)
		c := New(url)
		defer c.Close()
		c.Stall = stall
		statuses, err := c.Settle(t.Context(), func([]Status) {})
		if err != nil {
			t.Fatal(err)
		}
		return statuses
	}

	t.Run("waits for consumers that get on", func(t *testing.T) {
		t.Parallel()
		var answers []string
		for _, one := range []string{
			status("stopped", ""), status("catching-up", ""), status("expired", ""), status("rebuilding", ""), status("rebuilding", `,"rebuild":{"phase":"filling"}`),
			status("running", ""), status("parked", ""), `{"name":"a","state":"running","lag":{"known":false}}`, current,
		} {
			answers = append(answers, consumersAre(one, current))
		}
		if got := settle(t, time.Hour, answers...)[0]; got.State != "running" || got.Lag.Events != 0 {
			t.Errorf("it did not wait: %+v", got)
		}
	})

	for state, more := range map[string]string{
		"failing": "", "failed": "", "paused": "", "standby": "", "rebuilding": `,"rebuild":{"phase":"refused"}`,
	} {
		t.Run("does not wait for one that is "+state, func(t *testing.T) {
			t.Parallel()
			got := settle(t, time.Hour, consumersAre(status(state, more), current))
			if got[0].Obstacle() == "" || got[1].Obstacle() != "" {
				t.Errorf("obstacles %q and %q, want one of the first only", got[0].Obstacle(), got[1].Obstacle())
			}
		})
	}

	t.Run("takes parked orders for what they are", func(t *testing.T) {
		t.Parallel()
		got := settle(t, time.Hour, consumersAre(`{"name":"a","state":"parked","parked":2,"lag":{"known":true,"events":0}}`))
		if !strings.Contains(got[0].Obstacle(), "2 orders") {
			t.Errorf("obstacle %q, want the parked orders", got[0].Obstacle())
		}
	})

	t.Run("gives up when nothing moves", func(t *testing.T) {
		t.Parallel()
		for _, state := range []string{"running", "stopped", "catching-up"} {
			if got := settle(t, time.Millisecond, consumersAre(status(state, ""))); got[0].Obstacle() == "" {
				t.Errorf("%s: no obstacle in %+v", state, got[0])
			}
		}
	})
}

// The error of a request without an answer is in plain words.
func TestClient_noAnswer(t *testing.T) {
	t.Parallel()
	nowhere := &net.DNSError{Name: "nowhere", Err: "no such host", IsNotFound: true}
	if err := New("http://nowhere").noAnswer(&url.Error{Op: "Get", Err: nowhere}); err.Error() != "no service answers at http://nowhere: the name nowhere cannot be resolved (no such host)" {
		t.Errorf("err = %v", err)
	}
	c := New(serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer c.Close()
	c.Patience = time.Millisecond
	if _, err := c.Consumers(t.Context()); err == nil || !strings.Contains(err.Error(), "does not answer in time (GET /v1/consumers was tried for 1ms)") {
		t.Errorf("err = %v", err)
	}
}

// Requests that may be repeated are repeated while the service asks for it. Others are not.
func TestClient_repeats(t *testing.T) {
	t.Parallel()
	problem := func(status int, code string) string { return fmt.Sprintf(`{"status":%d,"code":%q}`, status, code) }
	for _, test := range []struct {
		name    string
		request Request
		status  int
		code    string
		tries   int32
	}{
		{"not available", Request{Method: http.MethodPost, Path: "/"}, 503, "unavailable", 3},
		{"not available, slow", Request{Method: http.MethodPost, Path: "/", Slow: true}, 503, "unavailable", 1},
		{"too many", Request{Method: http.MethodPost, Path: "/", Key: "k"}, 429, "busy", 3},
		{"too many, without a key", Request{Method: http.MethodPost, Path: "/"}, 429, "busy", 1},
		{"a lost race", Request{Method: http.MethodPost, Path: "/", Key: "k"}, 409, "version_conflict", 3},
		{"a refusal", Request{Method: http.MethodPost, Path: "/", Key: "k"}, 422, "some_rule", 1},
		{"broken off, with a key", Request{Method: http.MethodPost, Path: "/", Key: "k"}, 0, "", 3},
		{"broken off, reading", Request{Method: http.MethodPost, Path: "/", Patient: true}, 0, "", 3},
		{"broken off", Request{Method: http.MethodPost, Path: "/"}, 0, "", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int32
			c := New(serve(t, func(w http.ResponseWriter, _ *http.Request) {
				switch try := tries.Add(1); {
				case try == 3:
					io.WriteString(w, `{}`)
				case test.status == 0:
					panic(http.ErrAbortHandler)
				default:
					w.WriteHeader(test.status)
					io.WriteString(w, problem(test.status, test.code))
				}
			}))
			defer c.Close()
			if err := c.Do(t.Context(), test.request, nil); tries.Load() != test.tries || (err == nil) != (test.tries == 3) {
				t.Errorf("%d tries, want %d, and %v", tries.Load(), test.tries, err)
			}
		})
	}

	t.Run("until its context ends", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		c := New(serve(t, func(w http.ResponseWriter, _ *http.Request) {
			cancel()
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		defer c.Close()
		if err := c.Do(ctx, Request{Method: http.MethodGet, Path: "/"}, nil); err == nil || ctx.Err() == nil {
			t.Errorf("err = %v", err)
		}
	})
}
