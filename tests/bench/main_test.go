package bench_test

import (
	"testing"

	"go.uber.org/goleak"

	"orderflow/tests/servers"
)

// The metrics library of one of the Kafka clients keeps one goroutine for each process for ever.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(servers.Main{M: m}, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}
