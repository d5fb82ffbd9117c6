package cluster_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderflow/adapters/scylla"
	"orderflow/tests/scyllasim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(reconnecting)) }

// reconnecting is where the driver waits for seconds before it notices that a session whose
// connection was lost is closed.
const reconnecting = "github.com/gocql/gocql.(*hostConnPool).connect"

// start runs a simulated cluster for one test.
func start(t testing.TB, o scyllasim.Options) *scyllasim.Sim {
	t.Helper()
	sim, err := scyllasim.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return sim
}

// on returns the configuration of a keyspace of the test's own.
func on(hosts []string) scylla.Config {
	return scylla.Config{Hosts: hosts, Keyspace: "t" + strings.ReplaceAll(uuid.NewString(), "-", ""), Timeout: time.Minute}
}

// prepare applies the schema to a keyspace.
func prepare(t testing.TB, c scylla.Config) scylla.Config {
	t.Helper()
	if _, err := scylla.ApplySchema(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// session connects without a keyspace.
func session(t testing.TB, hosts []string) *gocql.Session {
	t.Helper()
	cluster := gocql.NewCluster(hosts...)
	cluster.Timeout = time.Minute
	cluster.Logger = quiet{}
	cluster.Events.DisableSchemaEvents = true // as the adapter does
	s, err := cluster.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func run(t testing.TB, s *gocql.Session, cql string, args ...any) {
	t.Helper()
	if err := s.Query(cql, args...).Consistency(gocql.LocalQuorum).Exec(); err != nil {
		t.Fatalf("%s: %v", cql, err)
	}
}

// quiet drops the log of the driver.
type quiet struct{}

func (quiet) Print(...any)          {}
func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}
