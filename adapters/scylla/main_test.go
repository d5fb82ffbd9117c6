package scylla_test

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"

	"orderflow/tests/servers"
)

// reconnecting is where the driver waits for seconds before it notices that a session whose
// connection was lost is closed.
const reconnecting = "github.com/gocql/gocql.(*hostConnPool).connect"

func TestMain(m *testing.M) {
	if hosts := os.Getenv(childHosts); hosts != "" {
		os.Exit(appendUntilKilled(hosts, os.Getenv(childKeyspace)))
	}
	// The tests wait more than they compute. The command line, which is parsed later, wins.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(servers.Main{M: m}, goleak.IgnoreAnyFunction(reconnecting))
}
