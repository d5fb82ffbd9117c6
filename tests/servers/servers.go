package servers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a server may take from the pull of its image to its first answer.
const patience = 2 * time.Minute

// Main runs the tests of a binary and then ends their containers:
// goleak.VerifyTestMain(servers.Main{M: m}).
type Main struct{ M *testing.M }

// Run implements goleak.TestingM.
func (m Main) Run() int {
	status := m.M.Run()
	if err := started.end(); err != nil {
		fmt.Fprintln(os.Stderr, "end the containers:", err)
		status = max(status, 1)
	}
	return status
}

// started holds the containers of this process. Main ends them.
var started ending

type ending struct {
	mu  sync.Mutex
	all []func() error
}

func (e *ending) add(end func() error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, end)
}

func (e *ending) end() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for _, end := range e.all {
		errs = append(errs, end())
	}
	e.all = nil
	return errors.Join(errs...)
}

// server is a kind of server. Its addresses are in the environment, or it runs in a container.
type server struct {
	// variable holds the addresses; imageVariable and flagsVariable change the container.
	variable, imageVariable, flagsVariable string
	image, flags                           string
	// hint says what sets variable. It may be empty.
	hint string
	// ready waits until the servers at the addresses do what tests need.
	ready func(ctx context.Context, addresses ...string) error
}

// find looks for servers, and starts a container where there are none.
func (s server) find() ([]string, error) {
	if addresses := os.Getenv(s.variable); addresses != "" {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		list := strings.Split(addresses, ",")
		return list, s.ready(ctx, list...)
	}
	address, err := container{
		image: cmp.Or(os.Getenv(s.imageVariable), s.image),
		flags: cmp.Or(os.Getenv(s.flagsVariable), s.flags),
		ready: func(ctx context.Context, address string) error { return s.ready(ctx, address) },
	}.start()
	if err != nil {
		return nil, fmt.Errorf("%s is not set%s, and %w", s.variable, s.hint, err)
	}
	return []string{address}, nil
}

// need returns the addresses from find, or ends the test.
func (s server) need(tb testing.TB, find func() ([]string, error)) []string {
	tb.Helper()
	addresses, err := find()
	if err != nil && os.Getenv(s.variable) != "" {
		tb.Fatalf("%s is set: %v", s.variable, err) // this is not the same as having no server
	}
	if err != nil {
		missing(tb, err)
	}
	return addresses
}

// await calls ask until it returns nil.
func await(ctx context.Context, ask func() error) error {
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready in %s: %w", patience, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// missing skips a test that has no server. Where servers are required, it fails the test.
func missing(tb testing.TB, reason error) {
	tb.Helper()
	if os.Getenv("REQUIRE_INTEGRATION") == "1" {
		tb.Fatalf("REQUIRE_INTEGRATION is set, and there is no server: %v", reason)
	}
	tb.Skipf("no server to test on: %v", reason)
}
