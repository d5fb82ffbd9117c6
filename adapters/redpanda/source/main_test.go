package source_test

import (
	"testing"

	"go.uber.org/goleak"

	"orderflow/adapters/redpanda/internal/topictest"
)

// The metrics library of the client that is compared keeps one goroutine for ever.
func TestMain(m *testing.M) {
	topictest.Main(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}
