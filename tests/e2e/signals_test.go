package e2e_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

func (s *service) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// A service continues when the terminal from which it was started is closed.
func TestSignals_aServiceOutlivesItsTerminal(t *testing.T) {
	t.Parallel()
	// Under nohup a process ignores SIGHUP, and its children as well, unless it handles the signal.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	s := start(t, t.TempDir())
	for n := range 3 {
		s.signal(t, syscall.SIGHUP)
		await(t, "the log to tell of SIGHUP", func() bool { return strings.Count(s.log.String(), "SIGHUP: nothing has changed") > n })
	}
	s.place(t, "ada")
	s.stop(t)
}

// A stop waits for requests in progress. A second Ctrl-C does not wait.
func TestSignals_aSecondInterruptEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--shutdown-timeout=10m")
	address := strings.TrimPrefix(s.url, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// A request whose body does not arrive delays the stop.
	fmt.Fprintf(conn, "POST /v1/orders HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n", address)
	// it is being handled: the server asks for its body
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	s.signal(t, os.Interrupt)
	await(t, "the stop to begin", func() bool {
		again, err := net.Dial("tcp", address)
		if err == nil {
			again.Close()
		}
		return err != nil
	})
	s.signal(t, os.Interrupt)
	<-s.ended
	if status := s.cmd.ProcessState.ExitCode(); status != 130 || !strings.Contains(s.log.String(), "ended at once") {
		t.Errorf("exit status %d", status)
	}
}

// closedPipe returns the writing end of a pipe that has no reader.
func closedPipe(t *testing.T) *os.File {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { writer.Close() })
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	return writer
}

// orderflow inspect | head: when head has read enough, the tool prints no error and leaves the data
// in order.
func TestSignals_aToolWhoseOutputNobodyReadsIsQuiet(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if out, status := tool(t, "demo", "--orders=3", "--sink=none", "--data="+data); status != 0 {
		t.Fatalf("demo: exit status %d\n%s", status, out)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(binary, "inspect", "--data="+data)
	cmd.Stdout, cmd.Stderr = closedPipe(t), &stderr
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 128+int(syscall.SIGPIPE) || stderr.Len() > 0 {
		t.Errorf("%v\n%s", err, &stderr)
	}
	if _, err := os.Stat(data + "/OWNER"); !os.IsNotExist(err) {
		t.Errorf("the store was not closed: %v", err)
	}
}

// The sink of a service is its standard output, and the reader of that output ends. The publisher
// fails, and everything else continues.
func TestSignals_aServiceOutlivesTheReaderOfItsSink(t *testing.T) {
	t.Parallel()
	s := startWith(t, binary, t.TempDir(), closedPipe(t), "--sink=stdout")
	id := s.place(t, "ada")
	s.call(t, http.StatusOK, "GET", "/v1/orders/"+id+"?min_sequence=1&timeout=30s", "")
	await(t, "the publisher to say that it fails", func() bool { return s.consumer(t, "stdout-publisher").State == "failing" })
	// Scripts see the failure. A supervisor does not restart the service.
	s.call(t, http.StatusOK, "GET", "/readyz", "")
	for args, want := range map[string]int{"": 0, "--check=ready": 0, "--check": 3, "--check --only=order-read-model": 0} {
		if out, status := tool(t, append([]string{"consumers", "--data=" + s.data}, strings.Fields(args)...)...); status != want {
			t.Errorf("consumers %s: exit status %d, want %d\n%s", args, status, want, out)
		}
	}
	s.stop(t)
}
