package embedded_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if run := children[os.Getenv(childVariable)]; run != nil {
		os.Exit(run())
	}
	goleak.VerifyTestMain(m)
}

// childVariable names what a child process of the tests does.
const childVariable = "EMBEDDED_TEST_CHILD"

// children are the programs that tests run as processes of their own, to kill them.
var children = map[string]func() int{
	"write until killed":     writeUntilKilled,
	"panic inside of pebble": panicInsideOfPebble,
	"backup until killed":    backupUntilKilled,
}
