package scyllasim_test

import (
	"testing"
	"time"

	"github.com/gocql/gocql"
	"go.uber.org/goleak"

	"orderflow/tests/scyllasim"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func start(tb testing.TB, o scyllasim.Options) *scyllasim.Sim {
	tb.Helper()
	sim, err := scyllasim.Start(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(sim.Close)
	return sim
}

// cluster returns a driver configuration for a simulated cluster, without retries, so that the test
// sees every answer of the server.
func cluster(sim *scyllasim.Sim) *gocql.ClusterConfig {
	c := gocql.NewCluster(sim.Hosts()[0])
	c.Consistency = gocql.LocalQuorum
	c.SerialConsistency = gocql.LocalSerial
	c.Timeout = time.Minute
	c.DefaultTimestamp = false
	c.RetryPolicy = &gocql.SimpleRetryPolicy{NumRetries: 0}
	c.Logger = quiet{}
	return c
}

func connect(tb testing.TB, c *gocql.ClusterConfig) *gocql.Session {
	tb.Helper()
	s, err := c.CreateSession()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// setup starts a cluster and connects to it.
func setup(tb testing.TB, o scyllasim.Options) (*scyllasim.Sim, *gocql.Session) {
	tb.Helper()
	sim := start(tb, o)
	return sim, connect(tb, cluster(sim))
}

func exec(tb testing.TB, s *gocql.Session, cql string, args ...any) {
	tb.Helper()
	if err := s.Query(cql, args...).Exec(); err != nil {
		tb.Fatalf("%s: %v", cql, err)
	}
}

// quiet drops the driver's log.
type quiet struct{}

func (quiet) Print(...any)          {}
func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}
