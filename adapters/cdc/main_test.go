package cdc_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"orderflow/tests/servers"
)

// reconnecting is where the driver waits for seconds before it notices that a session without
// connections is closed.
const reconnecting = "github.com/gocql/gocql.(*hostConnPool).connect"

func TestMain(m *testing.M) {
	// The tests mostly wait. The command line is parsed later and wins.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(servers.Main{M: m}, goleak.IgnoreAnyFunction(reconnecting))
}
