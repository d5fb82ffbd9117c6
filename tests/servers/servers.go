package servers

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// patience is how long a server may take to be there, from the pull of its image to its first answer.
const patience = 2 * time.Minute

// Main runs the tests of a binary and then ends the containers that they used: goleak.VerifyTestMain(servers.Main{M: m}).
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

// started are the containers of this process, to be ended by Main.
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

// missing skips a test that has no server, or fails it where servers are required.
func missing(tb testing.TB, reason error) {
	tb.Helper()
	if os.Getenv("REQUIRE_INTEGRATION") == "1" {
		tb.Fatalf("REQUIRE_INTEGRATION is set, and there is no server: %v", reason)
	}
	tb.Skipf("no server to test on: %v", reason)
}
