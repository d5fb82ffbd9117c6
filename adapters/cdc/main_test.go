package cdc_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"orderflow/tests/servers"
)

// reconnecting is where the driver waits for seconds before it notices that a session whose connection was lost is closed.
const reconnecting = "github.com/gocql/gocql.(*hostConnPool).connect"

func TestMain(m *testing.M) {
	// The tests wait more than they compute. The command line, which is parsed later, wins.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(servers.Main{M: m}, goleak.IgnoreAnyFunction(reconnecting))
}
