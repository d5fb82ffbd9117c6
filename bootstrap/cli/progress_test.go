package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Each command whose work may take long shows on a terminal how far it is. The service here ends
// the work only when the terminal has shown the text.
func TestProgress_ofLongWork(t *testing.T) {
	t.Parallel()
	behind := func(events int) string {
		return fmt.Sprintf(`{"name":"slow","state":"running","lag":{"known":true,"events":%d}}`, events)
	}
	rebuild := func(phase string) string {
		return `{"name":"slow","state":"running","lag":{"known":true},"rebuild":{"phase":"` + phase + `","started_at":"2026-03-01T12:00:00Z","done":25,"total":100,"error":"the disk is full"}}`
	}
	const before, after = "", `{"name":"slow","state":"running","lag":{"known":true}}`
	input := filepath.Join(t.TempDir(), "commands.jsonl")
	if err := os.WriteFile(input, []byte(confirm(anOrder, "PAY-1")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args, shows string
		// the last answer comes when the terminal has shown the text, and the one before it until
		// then; - is none, so that the request waits. Others come once, before these.
		answers map[string][]string
		status  int
	}{
		{
			"verify", "folding: [##########..........] 50%, 50 of 100 orders", map[string][]string{
				"GET /v1/consumers": {`{"consumers":[]}`, `{"consumers":[]}`}, "POST /v1/verify": {"-", `{"orders":3}`},
				"GET /v1/verify": {`{"running":true,"phase":"folding","done":50,"total":100}`, `{}`},
			}, 0,
		},
		{
			"verify", "waiting for the consumers: [....................] 0%, 0 of 7 events, 0s, slow", map[string][]string{
				"GET /v1/consumers": {`{"consumers":[` + behind(7) + `]}`, `{"consumers":[` + after + `]}`}, "POST /v1/verify": {`{}`, `{}`}, "GET /v1/verify": {`{}`, `{}`},
			}, 0,
		},
		{
			"consumers rebuild slow", "filling: [#####...............] 25%, 25 of 100 orders, 0s, makes no progress: the disk is full", map[string][]string{
				"POST /v1/consumers/slow/rebuild": {before, ""}, "GET /v1/consumers": {`{"consumers":[` + after + `]}`, `{"consumers":[` + rebuild("filling") + `]}`, `{"consumers":[` + rebuild("switched") + `]}`},
			}, 0,
		},
		{
			"submit --journal=" + input + ".1 " + input, "waiting for the consumers: [....................] 0%, 0 of 7 events, 0s, slow", map[string][]string{
				"GET /": {`{"service":"orderflow"}`, `{"service":"orderflow"}`}, "POST /v1/orders/" + anOrder + "/confirm": {`{}`, ""},
				"GET /v1/consumers": {`{"consumers":[` + behind(7) + `]}`, `{"consumers":[` + after + `]}`},
			}, 0,
		},
		{
			"submit --wait=false --journal=" + input + ".2 " + input, "submitting: [####################] 100%, 0.0 of 0.0 MB", map[string][]string{
				"GET /": {`{"service":"orderflow"}`, `{"service":"orderflow"}`}, "POST /v1/orders/" + anOrder + "/confirm": {"-", `{}`},
			}, 0,
		},
		{
			"verify topic", "reading the topic: [####................] 20%, 1 of 5 messages", map[string][]string{
				"POST /v1/verify/topic": {`{"progress":{"read":1,"total":5}}` + "\n-", `{"report":{}}`},
			}, 0,
		},
		{"backup /backup", "copying the store: 0s", map[string][]string{"POST /v1/backup": {"-", `{}`}}, 0},
		{"parked retry slow", "retrying: 0s", map[string][]string{"POST /v1/consumers/slow/retry-parked": {"-", `{}`}}, 0},
		{
			"consumers pause slow", "waiting until slow has stopped: 0s", map[string][]string{
				"POST /v1/consumers/slow/pause": {"", ""}, "GET /v1/consumers": {`{"consumers":[` + after + `]}`, `{"consumers":[{"name":"slow","state":"paused"}]}`},
			}, 0,
		},
	} {
		t.Run(test.args+": "+test.shows, func(t *testing.T) {
			t.Parallel()
			shown := make(chan struct{})
			var mu sync.Mutex
			terminal := &fakeTerminal{part: test.shows, columns: 140, most: 1, full: sync.OnceFunc(func() { close(shown) })}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				mu.Lock()
				answers, known := test.answers[r.Method+" "+r.URL.Path]
				if len(answers) > 2 {
					defer mu.Unlock()
					test.answers[r.Method+" "+r.URL.Path] = answers[1:]
					io.WriteString(w, answers[0])
					return
				}
				mu.Unlock()
				if !known {
					http.Error(w, "not expected: "+r.URL.Path, http.StatusTeapot)
					return
				}
				select {
				case <-shown:
					io.WriteString(w, answers[1])
					return
				default:
				}
				begun, waits := strings.CutSuffix(answers[0], "-")
				io.WriteString(w, begun)
				if waits {
					_ = http.NewResponseController(w).Flush()
					select {
					case <-shown:
					case <-r.Context().Done():
					}
					io.WriteString(w, answers[1])
				}
			}))
			t.Cleanup(server.Close)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // if it is never shown
			defer cancel()
			var out bytes.Buffer
			status := Main(ctx, append(strings.Fields(test.args), "--url="+server.URL), Process{In: strings.NewReader(""), Out: &out, Err: terminal})
			terminal.mu.Lock()
			defer terminal.mu.Unlock()
			if status != test.status {
				t.Errorf("exit status %d\n%s%q", status, &out, terminal.text.String())
			}
			if text := terminal.text.String(); text[strings.LastIndex(text, "\r")+1:] != "\x1b[K" {
				t.Errorf("something stays on the terminal: %q", text)
			}
		})
	}
}
