package scylla_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if hosts := os.Getenv(childHosts); hosts != "" {
		os.Exit(appendUntilKilled(hosts, os.Getenv(childKeyspace)))
	}
	goleak.VerifyTestMain(m)
}
