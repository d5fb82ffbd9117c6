package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/bootstrap/cli/shell"
)

// submitServer records the commands that it gets and answers them with answer. Its index names
// store, if that is not empty.
type submitServer struct {
	store  string
	answer func(call) (status int, body string)

	mu    sync.Mutex
	calls []call
}

type call struct {
	Method, Path, Key, Body string
}

func (s *submitServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/":
		if s.store == "" {
			io.WriteString(w, `{"service":"orderflow"}`)
			return
		}
		fmt.Fprintf(w, `{"service":"orderflow","store_id":%q}`, s.store)
		return
	case r.URL.Path == "/v1/consumers":
		io.WriteString(w, `{"consumers":[]}`)
		return
	case r.Method == http.MethodGet: // the events of an order
		io.WriteString(w, `{"events":[{"event_id":"`+anEvent+`"}]}`)
		return
	}
	c := call{Method: r.Method, Path: r.URL.Path, Key: r.Header.Get("Idempotency-Key"), Body: string(body)}
	s.calls = append(s.calls, c)
	status, text := http.StatusOK, `{"order_id":"`+anOrder+`","events":[{"event_id":"`+anEvent+`"}]}`
	if s.answer != nil {
		status, text = s.answer(c)
	}
	w.WriteHeader(status)
	io.WriteString(w, text)
}

const anEvent = "0195f3a0-0000-7000-8000-0000000000ee"

// submit submits an input.
func (s *submitServer) submit(t *testing.T, input string, args ...string) (out, errs string, status int) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	path := filepath.Join(t.TempDir(), "commands.jsonl")
	if err := os.WriteFile(path, []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	return command(t, append([]string{"submit", path, "--url=" + server.URL}, args...)...)
}

func confirm(id, reference string) string {
	return fmt.Sprintf(`{"command":"confirm_order","order_id":%q,"payment_reference":%q}`, id, reference)
}

func TestSubmit_mapsCommandsToRequests(t *testing.T) {
	t.Parallel()
	id, key := uuid.NewString(), uuid.NewString()
	lines := []string{
		fmt.Sprintf(`{"command":"create_order","command_id":%q,"order_id":%q,"customer_id":"c"}`, key, id),
		fmt.Sprintf(`{"command":"update_items","order_id":%q,"items":[]}`, id),
		confirm(id, "p"),
		fmt.Sprintf(`{"command":"ship_order","order_id":%q,"carrier":"c"}`, id),
		fmt.Sprintf(`{"command":"deliver_order","order_id":%q}`, strings.ToUpper(id)),
		fmt.Sprintf(`{"command":"cancel_order","order_id":%q,"reason":"r"}`, id),
	}
	s := &submitServer{}
	if out, errs, status := s.submit(t, strings.Join(lines, "\n\n")); status != 0 || !strings.HasPrefix(out, "6 accepted, 0 refused; 6 sent in ") || errs != "" {
		t.Fatalf("exit status %d\n%s%s", status, out, errs)
	}
	path := "/v1/orders/" + id
	want := []call{
		{"POST", "/v1/orders", key, fmt.Sprintf(`{"customer_id":"c","order_id":%q}`, id)},
		{"PUT", path + "/items", s.calls[1].Key, `{"items":[]}`},
		{"POST", path + "/confirm", s.calls[2].Key, `{"payment_reference":"p"}`},
		{"POST", path + "/ship", s.calls[3].Key, `{"carrier":"c"}`},
		{"POST", path + "/deliver", s.calls[4].Key, `{}`},
		{"POST", path + "/cancel", s.calls[5].Key, `{"reason":"r"}`},
	}
	if diff := cmp.Diff(want, s.calls); diff != "" {
		t.Error(diff)
	}
}

// A refusal is the service's decision about the command. An error about the request, or an answer
// of another server, is no answer to the command.
func TestSubmit_tellsRefusalsFromFailures(t *testing.T) {
	t.Parallel()
	for answer, test := range map[string]struct {
		status int
		says   string
	}{
		problemIs(422, "some_rule", "it says no"):                          {shell.ExitBad, "0 accepted, 1 refused"},
		problemIs(404, "order_not_found", "there is no such order"):        {shell.ExitBad, "line 1: order_not_found: there is no such order"},
		problemIs(400, "invalid_body", "nothing"):                          {shell.ExitBad, "line 1: invalid_body"},
		problemIs(412, "precondition_failed", "no"):                        {shell.ExitBad, "1 refused"},
		problemIs(413, "body_too_large", "no"):                             {shell.ExitBad, "1 refused"},
		problemIs(404, "route_not_found", "there is nothing at this path"): {shell.ExitError, "not completed: line 1: route_not_found"},
		problemIs(401, "unauthorized", "who are you?"):                     {shell.ExitError, "not completed: line 1: unauthorized"},
		problemIs(403, "forbidden", "not you"):                             {shell.ExitError, "not completed: line 1: forbidden"},
		problemIs(500, "internal", "oh"):                                   {shell.ExitError, "not completed: line 1: internal"},
		`404 <html>nginx</html>`:                                           {shell.ExitError, "not completed: line 1: "},
		`400 no`:                                                           {shell.ExitError, "not completed: line 1: 400: no"},
	} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			var status int
			fmt.Sscan(answer, &status)
			_, text, _ := strings.Cut(answer, " ")
			s := &submitServer{answer: func(call) (int, string) { return status, text }}
			if out, errs, got := s.submit(t, confirm(anOrder, "p")); got != test.status || !strings.Contains(out+errs, test.says) {
				t.Errorf("exit status %d, want %d with %q:\n%s%s", got, test.status, test.says, out, errs)
			}
		})
	}
}

func TestSubmit_repeatsWhatMayGetBetter(t *testing.T) {
	t.Parallel()
	for _, busy := range []string{problemIs(503, "unavailable", "later"), problemIs(429, "busy", "later"), problemIs(409, "version_conflict", "others")} {
		tries := 0
		s := &submitServer{}
		s.answer = func(call) (int, string) {
			if tries++; tries < 3 {
				var status int
				fmt.Sscan(busy, &status)
				_, text, _ := strings.Cut(busy, " ")
				return status, text
			}
			return 200, `{}`
		}
		if out, errs, status := s.submit(t, confirm(anOrder, "p")); status != 0 || !strings.Contains(out, "1 accepted") {
			t.Errorf("%s: exit status %d\n%s%s", busy, status, out, errs)
		}
		if keys := slices.CompactFunc(slices.Clone(s.calls), func(a, b call) bool { return a == b }); len(s.calls) != 3 || len(keys) != 1 {
			t.Errorf("%s: calls = %v", busy, s.calls)
		}
	}
}

// The journal beside the file belongs to one store, whatever its address is.
func TestSubmit_journal(t *testing.T) {
	t.Parallel()
	input := filepath.Join(t.TempDir(), "commands.jsonl")
	if err := os.WriteFile(input, []byte(confirm(anOrder, "p")), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(s *submitServer, says string, args ...string) {
		t.Helper()
		server := httptest.NewServer(s) // on another port each time
		defer server.Close()
		want(t, 0, says, append([]string{"submit", input, "--url=" + server.URL}, args...)...)
	}
	one, other := &submitServer{store: uuid.NewString()}, &submitServer{store: uuid.NewString()}
	run(one, "1 accepted, 0 refused; 1 sent")
	run(one, "1 accepted, 0 refused (1 of them answered in an earlier run); 0 sent")
	run(other, "1 accepted, 0 refused; 1 sent")
	run(other, "another store or another run", "--run=again")
	run(one, "1 accepted, 0 refused; 1 sent", "--run=again")
	run(one, "(1 of them answered in an earlier run)", "--run=again")
	// this service is too old to name its store
	run(&submitServer{}, "1 accepted, 0 refused; 1 sent")
	if len(one.calls) != 2 || len(other.calls) != 2 {
		t.Errorf("%d and %d commands were sent", len(one.calls), len(other.calls))
	}
}

func TestSubmit_inputs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want(t, shell.ExitError, "is a directory", "submit", dir, "--url=http://127.0.0.1:1")
	want(t, shell.ExitError, "is not orderflow", "submit", os.DevNull, "--url="+newFakeService(t, map[string][]string{"GET /": {"200 {}"}}).url)
	s := &submitServer{}
	server := httptest.NewServer(s)
	defer server.Close()
	// no regular file: no journal beside it
	want(t, 0, "0 accepted, 0 refused", "submit", os.DevNull, "--url="+server.URL)
	if _, err := os.Stat(os.DevNull + ".journal"); err == nil {
		t.Error("there is a journal beside a device")
	}
}

// A mistyped name makes no data directory.
func TestSubmit_noFile(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	want(t, 1, "no such file", "submit", filepath.Join(data, "nothing.jsonl"), "--data="+data)
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("the data directory: %v", err)
	}
}
