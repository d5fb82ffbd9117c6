package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"orderflow/tests/servers"
)

// binary is built once for all tests.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "orderflow-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "orderflow")
	build := exec.Command("go", "build", "-o", binary, "orderflow/bootstrap/orderflow")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		os.Exit(1)
	}
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		// most tests wait for leases, groups and other processes, and not for a processor
		if err := parallel.Value.Set(strconv.Itoa(max(4, runtime.GOMAXPROCS(0)))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	status := servers.Main{M: m}.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// service is a running orderflow serve.
type service struct {
	url  string
	data string

	cmd   *exec.Cmd
	log   *lockedBuffer
	ended chan struct{} // closed when the process has ended, with err set
	err   error
}

// start runs the service on data and waits until it is ready. The end of the test kills it.
func start(t *testing.T, data string, args ...string) *service {
	t.Helper()
	return startBinary(t, binary, data, args...)
}

// startBinary does the same for another build of the service.
func startBinary(t *testing.T, binary, data string, args ...string) *service {
	t.Helper()
	return startWith(t, binary, data, nil, args...)
}

// startWith does the same with another standard output than the log.
func startWith(t *testing.T, binary, data string, stdout *os.File, args ...string) *service {
	t.Helper()
	s := &service{data: data, log: &lockedBuffer{}, ended: make(chan struct{})}
	s.cmd = exec.Command(binary, append([]string{"serve", "--listen=127.0.0.1:0", "--data=" + data}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if stdout != nil {
		s.cmd.Stdout = stdout
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		<-s.ended
		if t.Failed() {
			t.Logf("log of the service:\n%s", s.log)
		}
	})
	s.url = s.log.waitFor(t, s.ended, " url=")
	await(t, "the service to be ready", func() bool {
		resp, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

// kill ends the service like a power failure, as far as that is possible for a process.
func (s *service) kill() {
	s.cmd.Process.Kill()
	<-s.ended
}

// stop stops the service and waits until it has ended.
func (s *service) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.ended:
	case <-time.After(2 * time.Minute):
		t.Fatal("the service did not stop within two minutes")
	}
	if s.err != nil {
		t.Errorf("the service ended with %v", s.err)
	}
}

// answer is a decoded HTTP response.
type answer struct {
	status int
	header http.Header
	text   string
}

func (a answer) into(t *testing.T, out any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.text), out); err != nil {
		t.Fatalf("%v in %s", err, a.text)
	}
}

// try sends one request. The error is an error of the transport.
func (s *service) try(ctx context.Context, method, path, body string, headers ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, text: string(text)}, err
}

// call sends one request that must be answered with the given status.
func (s *service) call(t *testing.T, status int, method, path, body string, headers ...string) answer {
	t.Helper()
	a, err := s.try(t.Context(), method, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	if a.status != status {
		t.Fatalf("%s %s: %d, want %d: %s", method, path, a.status, status, a.text)
	}
	return a
}

// tool runs an orderflow command to its end and returns its output and exit status.
func tool(t *testing.T, args ...string) (out string, status int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if t.Failed() || testing.Verbose() {
		t.Logf("orderflow %s: exit status %d\n%s%s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), &stdout, &stderr)
	}
	return stdout.String() + stderr.String(), cmd.ProcessState.ExitCode()
}

// await polls until done, for at most two minutes.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("waited two minutes for %s", what)
		case <-time.After(10 * time.Millisecond):
		}
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

// waitFor waits for marker in the log and returns the word after it.
func (l *lockedBuffer) waitFor(t *testing.T, ended <-chan struct{}, marker string) string {
	t.Helper()
	var word string
	await(t, "the log to tell"+marker, func() bool {
		if _, rest, ok := strings.Cut(l.String(), marker); ok {
			var whole bool
			word, _, whole = strings.Cut(rest, " ")
			return whole
		}
		select {
		case <-ended:
			t.Fatalf("the service ended:\n%s", l)
		default:
		}
		return false
	})
	return word
}
