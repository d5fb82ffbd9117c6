package cli

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"orderflow/bootstrap/cli/shell"
)

// served is a service that runs in this process like orderflow serve.
type served struct {
	log     *lockedBuffer
	end     context.CancelCauseFunc
	hangups chan os.Signal
	ended   chan int // gets the exit status
}

// serveHere starts a service and waits until it logs its address.
func serveHere(t *testing.T, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &served{log: &lockedBuffer{}, end: cancel, hangups: make(chan os.Signal), ended: make(chan int, 1)}
	go func() {
		s.ended <- Main(ctx, append([]string{"serve", "--listen=127.0.0.1:0"}, args...), Process{
			In: strings.NewReader(""), Out: &lockedBuffer{}, Err: s.log, Hangups: s.hangups,
		})
	}()
	t.Cleanup(func() {
		cancel(nil)
		if t.Failed() {
			t.Logf("log of the service:\n%s", s.log)
		}
	})
	s.await(t, " url=")
	return s
}

// await waits until the log has a text.
func (s *served) await(t *testing.T, text string) {
	t.Helper()
	s.awaitThat(t, text, func(log string) bool { return strings.Contains(log, text) })
}

// awaitThat waits until wanted accepts the log.
func (s *served) awaitThat(t *testing.T, what string, wanted func(log string) bool) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for !wanted(s.log.String()) {
		select {
		case status := <-s.ended:
			t.Fatalf("the service ended with status %d:\n%s", status, s.log)
		case <-deadline:
			t.Fatalf("waited two minutes for %s:\n%s", what, s.log)
		case <-time.After(time.Millisecond):
		}
	}
}

// stop ends the service as a signal does.
func (s *served) stop(t *testing.T) {
	t.Helper()
	s.end(shell.Signal{Signal: syscall.SIGTERM})
	select {
	case status := <-s.ended:
		if status != shell.ExitOK {
			t.Errorf("the service ended with status %d", status)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("the service did not stop within two minutes")
	}
}

// lockedBuffer is a log that is written and read concurrently.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// The access log, the level of the log and the profiles are what an operator turns on in trouble.
func TestServe_logsAndProfiles(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := serveHere(t, "--auth=tokens", "--sink=none", "--data="+data, "--ops-listen=127.0.0.1:0", "--access-log", "--pprof")
	stopped := false
	defer func() {
		if !stopped {
			s.stop(t) // before its directory is removed
		}
	}()
	want(t, 0, "info\n", "log-level", "--data="+data)
	want(t, 0, "debug\n", "log-level", "debug", "--reason=to see more", "--data="+data)
	want(t, 0, "debug\n", "log-level", "--data="+data)
	want(t, 1, "must be debug, info, warn or error", "log-level", "loud", "--data="+data)
	want(t, 0, "log-level  debug", "operations", "--data="+data)
	want(t, 0, "to see more", "operations", "--data="+data)
	s.await(t, `"url.path":"/v1/log-level","http.request.body.size":17`)
	s.await(t, `"user.id":"local`)
	s.await(t, "level=DEBUG msg=request") // of the log, since it is at debug
	want(t, 0, "info\n", "log-level", "info", "--data="+data)
	s.stop(t)
	stopped = true
	started, ended := strings.Count(s.log.String(), "msg=serving"), strings.Count(s.log.String(), "msg=stopped")
	if started != 1 || ended != 1 {
		t.Errorf("%d lines at the start and %d at the stop", started, ended)
	}
	want(t, 1, "no service runs", "log-level", "--data="+data)
	want(t, 2, "--pprof: it needs --ops-listen", "serve", "--listen=0.0.0.0:0", "--auth=tokens", "--pprof", "--data="+data)
}
