package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"orderflow/bootstrap/cli/shell"
)

// fakeTerminal is a terminal of 60 columns that keeps what is written. It calls full when there is
// so much of a text.
type fakeTerminal struct {
	mu   sync.Mutex
	text strings.Builder
	part string
	most int
	full func()
	// columns is the width if it is not 60.
	columns int
}

func (f *fakeTerminal) Size() (columns, lines int) { return max(f.columns, 60), 10 }

func (f *fakeTerminal) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text.Write(b)
	if strings.Count(f.text.String(), f.part) >= f.most && f.full != nil {
		f.full()
	}
	return len(b), nil
}

// watch runs 'consumers --watch' until the output has so many lines with a text, and then
// interrupts it.
func watch(t *testing.T, url, part string, most int, onTerminal bool, args ...string) (text string, status int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	terminal := &fakeTerminal{part: part, most: most, full: cancel}
	process := Process{In: strings.NewReader(""), Out: terminal, Err: &lockedBuffer{}}
	if !onTerminal {
		process.Out = struct{ *plainOutput }{&plainOutput{terminal}}
	}
	status = Main(ctx, append([]string{"consumers", "--watch", "--interval=100ms", "--url=" + url}, args...), process)
	return terminal.text.String() + fmt.Sprint(process.Err), status
}

// plainOutput hides that an output is a terminal.
type plainOutput struct{ terminal *fakeTerminal }

func (p *plainOutput) Write(b []byte) (int, error) { return p.terminal.Write(b) }

func watchedService(t *testing.T) *fakeService {
	return newFakeService(t, map[string][]string{
		"GET /v1/consumers": {consumersAre(apiRunning), consumersAre(apiRunning), problemIs(502, "", "a proxy"), consumersAre(apiRunning)},
		"GET /readyz":       {`200 {"status":"ok"}`, problemIs(503, "not_ready", "the reader is dead"), `200 {"status":"ok"}`},
	})
}

// Elsewhere than on a terminal each look is a line of JSON, which is the answer of the API.
func TestWatch_lines(t *testing.T) {
	t.Parallel()
	text, status := watch(t, watchedService(t).url, "\n", 4, false, "--check")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if status != 0 || len(lines) != 4 {
		t.Fatalf("exit status %d, %d lines:\n%s", status, len(lines), text)
	}
	for i, want := range []string{`"wrong":[]`, `"wrong":["not_ready: the reader is dead"]`, `"error":"502: a proxy"`, `"wrong":[]`} {
		var line struct{ At, Error string }
		if err := json.Unmarshal([]byte(lines[i]), &line); err != nil || line.At == "" || !strings.Contains(lines[i], want) {
			t.Errorf("line %d, %v, has no %s: %s", i+1, err, want, lines[i])
		}
		if line.Error == "" {
			isDescribed(t, "ConsumersDocument", lines[i])
		}
	}
}

// On a terminal the table changes in its place, fits on it, and stays there at the end.
func TestWatch_terminal(t *testing.T) {
	t.Parallel()
	text, status := watch(t, watchedService(t).url, "\x1b[H", 4, true, "--check")
	frames := strings.Split(text, "\x1b[H")
	if status != 0 || len(frames) != 5 || !strings.HasPrefix(text, "\x1b[?1049h") {
		t.Fatalf("exit status %d, %d frames: %q", status, len(frames), text)
	}
	last, after, left := strings.Cut(frames[4], "\x1b[?1049l")
	if !left || !strings.Contains(after, "CONSUMER") || !strings.Contains(after, "\na ") {
		t.Errorf("it leaves %q", after)
	}
	frames[4] = last
	for i, want := range []string{"", "\na ", "wrong: not_ready: the reader is dead", "502: a proxy", "\na "} {
		if !strings.Contains(frames[i], want) {
			t.Errorf("frame %d has no %q: %q", i, want, frames[i])
		}
		for line := range strings.Lines(frames[i]) {
			if n := len([]rune(strings.ReplaceAll(strings.TrimRight(line, "\n"), "\x1b[K", ""))); n > 63 {
				t.Errorf("a line of %d characters: %q", n, line)
			}
		}
	}
	if !strings.Contains(frames[3], "CONSUMER") {
		t.Errorf("the newest table is not shown beside the error: %q", frames[3])
	}
}

// What the user chooses is what is printed.
func TestWatch_outputs(t *testing.T) {
	t.Parallel()
	if text, _ := watch(t, watchedService(t).url, "\n", 1, true, "-o=json"); !strings.HasPrefix(text, `{"at":`) {
		t.Errorf("no JSON on a terminal: %q", text)
	}
	if text, _ := watch(t, watchedService(t).url, "CONSUMER", 1, false, "-o=table"); strings.Contains(text, "\x1b") || !strings.Contains(text, "\na  ") {
		t.Errorf("no plain table: %q", text)
	}
}

func TestWatch_refusals(t *testing.T) {
	t.Parallel()
	denied := newFakeService(t, map[string][]string{"GET /v1/consumers": {consumersAre(apiRunning), problemIs(401, "credentials_revoked", "the token is revoked")}})
	if text, status := watch(t, denied.url, "never", 1, false); status != shell.ExitError || !strings.Contains(text, "credentials_revoked") {
		t.Errorf("exit status %d: %s", status, text)
	}
	data := t.TempDir()
	want(t, 0, "1 orders", "demo", "--orders=1", "--sink=none", "--data="+data)
	want(t, 1, "there is nothing to watch", "consumers", "--watch", "--data="+data)
	want(t, 2, "--interval: it is for --watch", "consumers", "--interval=1s")
	want(t, 2, "--interval: 1ms is below 100ms", "consumers", "--watch", "--interval=1ms")
}
