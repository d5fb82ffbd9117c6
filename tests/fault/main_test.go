package fault_test

import (
	"flag"
	"runtime"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var (
	seedFlag     = flag.Uint64("fault.seed", 0, "run only the round of this seed; with -fault.duration, the first one")
	durationFlag = flag.Duration("fault.duration", 0, "run rounds of fresh seeds for this long, instead of a few")
	shrinkFlag   = flag.Duration("fault.shrink", 2*time.Minute, "how long to look for a shorter schedule after a failure")
	patienceFlag = flag.Duration("fault.patience", 2*time.Minute, "how long to wait for what must happen at last")
	logFlag      = flag.Bool("fault.log", false, "show what the processes log")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		// Rounds wait more than they compute.
		if err := flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0))); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// skipWithRaceDetector is called by every test that runs a round.
func skipWithRaceDetector(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("gocql v1.19.0 races with itself when a connection is lost: requests that wait for the same statement to be " +
			"prepared write to one error; and built for the race detector it panics when a machine is slow")
	}
}
