package topictest

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"orderflow/tests/servers"
)

// Main runs the tests of a package, or a broker that one of them has started.
func Main(m *testing.M, options ...goleak.Option) {
	if os.Getenv(brokerVariable) != "" {
		if err := runBroker(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Nearly all of the tests wait most of the time, so in parallel they take a third of the time.
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(servers.Main{M: m}, options...)
}
