package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderflow/bootstrap/cli/shell"
)

// slowService answers no request before its client leaves. asked gets the path of every request.
func slowService(t *testing.T) (url string, asked <-chan string) {
	t.Helper()
	paths := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then net/http notices that a client leaves
		paths <- r.URL.Path
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	return server.URL, paths
}

// An interrupted tool ends at once, says so in one plain line, and has the exit status of the
// signal.
func TestMain_interrupted(t *testing.T) {
	t.Parallel()
	input := filepath.Join(t.TempDir(), "commands.jsonl")
	if err := os.WriteFile(input, []byte(`{"command":"deliver_order","order_id":"`+anOrder+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ args, says string }{
		{"consumers", ""},
		{"consumers pause a", ""},
		{"consumers rebuild a", ""},
		{"parked", ""},
		{"inspect", ""},
		{"explain " + anOrder, ""},
		{"verify", ""},
		{"verify topic", ""},
		{"demo --orders=3", ": what was placed until then is kept (0 commands)"},
		{"submit " + input, ": run it again to continue where it stopped"},
		// nothing arrives on standard input
		{"submit -", ": run it again to continue where it stopped"},
	} {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP} {
			t.Run(test.args+" "+shell.Signal{Signal: sig}.Error(), func(t *testing.T) {
				t.Parallel()
				url, asked := slowService(t)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				hangups := make(chan os.Signal, 1)
				var out, errs bytes.Buffer
				stdin, writer := io.Pipe()
				defer writer.Close()
				ended := make(chan int, 1)
				reading := &notedReader{Reader: stdin, read: make(chan struct{}, 1)}
				go func() {
					ended <- Main(ctx, append(strings.Fields(test.args), "--url="+url), Process{In: reading, Out: &out, Err: &errs, Hangups: hangups})
				}()
				select {
				case <-asked:
				case <-reading.read:
				case status := <-ended:
					t.Fatalf("it ended with %d before it asked for anything:\n%s", status, &errs)
				}
				if sig == syscall.SIGHUP {
					hangups <- sig
				} else {
					cancel(shell.Signal{Signal: sig})
				}
				select {
				case status := <-ended:
					want := "orderflow: interrupted by " + shell.Signal{Signal: sig}.Error() + test.says + "\n"
					if status != 128+int(sig) || errs.String() != want {
						t.Errorf("exit status %d with\n%swant %d with\n%s", status, &errs, 128+int(sig), want)
					}
				case <-time.After(time.Minute):
					t.Fatal("it does not end")
				}
			})
		}
	}
}

// notedReader reports the first read.
type notedReader struct {
	io.Reader
	read chan struct{}
}

func (r *notedReader) Read(b []byte) (int, error) {
	select {
	case r.read <- struct{}{}:
	default:
	}
	return r.Reader.Read(b)
}

// closedPipe is an output that is closed after some bytes.
type closedPipe struct{ left int }

func (p *closedPipe) Write(b []byte) (int, error) {
	if p.left -= len(b); p.left < 0 {
		return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}
	}
	return len(b), nil
}

// A tool whose output was closed ends quietly.
func TestMain_outputThatNobodyReads(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	want(t, 0, "3 orders", "demo", "--orders=3", "--sink=none", "--data="+data)
	for _, args := range []string{"inspect", "inspect event_store", "consumers", "verify", "parked", "--help", "inspect --help", "version", "asyncapi"} {
		var errs bytes.Buffer
		status := Main(t.Context(), append(strings.Fields(args), "--data="+data), Process{In: strings.NewReader(""), Out: &closedPipe{}, Err: &errs})
		if text := strings.TrimPrefix(errs.String(), "no service runs on "+data+": its consumers do nothing until one does\n"); status != shell.ExitPipe || text != "" {
			t.Errorf("%s: exit status %d, want %d and silence:\n%s", args, status, shell.ExitPipe, text)
		}
	}
}

// The start and the stop of a service are one log line each, with what an operator needs.
func TestServe_logsItsStartAndItsStop(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := serveHere(t, "--data="+data, "--sink=none")
	s.stop(t)
	for line, parts := range map[string][]string{
		"msg=serving ": {" url=http://127.0.0.1:", " version=", " store=embedded", " data=" + data, " started_in="},
		"msg=stopped ": {" reason=SIGTERM", " served_for=", " took="},
	} {
		lines := linesWith(s.log.String(), line)
		if len(lines) != 1 {
			t.Errorf("%d lines with %q", len(lines), line)
			continue
		}
		for _, part := range parts {
			if !strings.Contains(lines[0], part) {
				t.Errorf("no %q in %s", part, lines[0])
			}
		}
	}
}

func linesWith(text, part string) (lines []string) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			lines = append(lines, line)
		}
	}
	return lines
}

// SIGHUP reads the level of the log again and changes nothing else.
func TestServe_hangup(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "orderflow.yaml")
	write := func(text string) {
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("log-level: info\n")
	s := serveHere(t, "--data="+t.TempDir(), "--sink=none", "--config="+config)
	for i, step := range []struct{ text, says string }{
		{"log-level: debug\n", "log_level=debug"},
		{"log-level: loud\n", `"loud\" is none of debug, info, warn, error`},
		{"log-level: [\n", "nothing has changed"},
		{"lanes: 7\n", "log_level=info"}, // the default
		{"log-level: debug\n", "log_level=debug"},
	} {
		write(step.text)
		before := len(linesWith(s.log.String(), "SIGHUP"))
		s.hangups <- syscall.SIGHUP
		s.awaitThat(t, "another line about SIGHUP", func(log string) bool { return len(linesWith(log, "SIGHUP")) > before })
		if lines := linesWith(s.log.String(), "SIGHUP"); !strings.Contains(lines[len(lines)-1], step.says) {
			t.Errorf("step %d: no %q in %s", i, step.says, lines[len(lines)-1])
		}
	}
	s.stop(t)

	other := serveHere(t, "--data="+t.TempDir(), "--sink=none", "--config="+config, "--log-level=info")
	other.hangups <- syscall.SIGHUP
	other.await(t, "log-level is set by --log-level, which wins")
	other.stop(t)

	none := serveHere(t, "--data="+t.TempDir(), "--sink=none")
	none.hangups <- syscall.SIGHUP
	none.await(t, "there is no --config file")
	none.stop(t)
}
