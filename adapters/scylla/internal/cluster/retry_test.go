package cluster_test

import (
	"testing"
	"time"

	"github.com/gocql/gocql"

	"orderflow/adapters/scylla"
	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/tests/scyllasim"
)

// What the policy says about a request that must not happen twice.
func TestRetryPolicy_TriesAgainOnlyWhatDidNotHappen(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		err        error
		plain, lwt gocql.RetryType
	}{
		{"no connection", gocql.ErrNoConnectionsInPool, gocql.RetryNextHost, gocql.RetryNextHost},
		{"too few replicas", unavailable(gocql.LocalQuorum), gocql.RetryNextHost, gocql.Rethrow},
		{"overload", failure(gocql.ErrCodeOverloaded), gocql.RetryNextHost, gocql.Rethrow},
		{"write timeout", writeTimeout(gocql.LocalQuorum, "SIMPLE"), gocql.Rethrow, gocql.Rethrow},
		{"write failure", writeFailure(gocql.LocalQuorum), gocql.Rethrow, gocql.Rethrow},
		{"driver timeout", gocql.ErrTimeoutNoResponse, gocql.Rethrow, gocql.Rethrow},
		{"connection lost", gocql.ErrConnectionClosed, gocql.Rethrow, gocql.Rethrow},
		{"outcome unknown", &gocql.RequestErrCASWriteUnknown{}, gocql.Rethrow, gocql.Rethrow},
	}
	policy := cluster.RetryPolicy{}
	for _, tt := range tests {
		if got := policy.GetRetryType(tt.err); got != tt.plain {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.plain)
		}
		if got := policy.GetRetryTypeLWT(tt.err); got != tt.lwt {
			t.Errorf("%s, conditional: %d, want %d", tt.name, got, tt.lwt)
		}
		// The driver asks the first question when it does not know yet that a statement is
		// conditional.
		if got := (cluster.ConditionalPolicy{}).GetRetryType(tt.err); got != tt.lwt {
			t.Errorf("%s, not known to be conditional: %d, want %d", tt.name, got, tt.lwt)
		}
	}
}

// What the driver does with the policy, on a cluster where every request could go to another node.
// The row is where the driver takes the first node for all three replicas, see hosts.go.
func TestRetryPolicy_InTheDriver(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{Nodes: 3, Tokens: [][]int64{{-4e18, -3e18, -2e18}, {0, 1e18, 2e18}, {4e18, 5e18, 6e18}}})
	config := on(sim.Hosts())
	config.ReplicationFactor = 3
	prepare(t, config)
	admin := session(t, sim.Hosts())
	table := config.Keyspace + ".t"
	run(t, admin, "CREATE TABLE "+table+" (a int PRIMARY KEY, b int)")
	run(t, admin, "INSERT INTO "+table+" (a, b) VALUES (1, 1)") // at token -4069959284402364209

	insert := func(s *gocql.Session) error { return s.Query("INSERT INTO t (a, b) VALUES (?, ?)", 1, 1).Exec() }
	batch := func(s *gocql.Session) error {
		b := s.Batch(gocql.UnloggedBatch)
		b.Query("INSERT INTO t (a, b) VALUES (?, ?)", 1, 1)
		return s.ExecuteBatch(b)
	}
	conditional := func(s *gocql.Session) error {
		_, err := s.Query("UPDATE t SET b = ? WHERE a = ? IF b = ?", 1, 1, 1).ScanCAS(new(int))
		return err
	}
	look := func(level gocql.Consistency) func(s *gocql.Session) error {
		return func(s *gocql.Session) error {
			return s.Query("SELECT b FROM t WHERE a = ?", 1).Consistency(level).Idempotent(true).Scan(new(int))
		}
	}
	tests := []struct {
		name   string
		do     func(s *gocql.Session) error
		kind   scyllasim.Kind
		effect scyllasim.Effect
		times  int // how often the server sees the request; once when it is not replayed
	}{
		{"insert that timed out", insert, scyllasim.KindInsert, scyllasim.TimeoutAfter, 1},
		{"insert whose connection was lost", insert, scyllasim.KindInsert, scyllasim.DropAfter, 1},
		{"insert with too few replicas", insert, scyllasim.KindInsert, scyllasim.Unavailable, 2},
		{"batch that timed out", batch, scyllasim.KindBatch, scyllasim.TimeoutAfter, 1},
		{"conditional write that timed out", conditional, scyllasim.KindLWT, scyllasim.TimeoutAfter, 1},
		{"conditional write that was not learned", conditional, scyllasim.KindLWT, scyllasim.PaxosNotLearned, 1},
		{"conditional write with too few replicas", conditional, scyllasim.KindLWT, scyllasim.Unavailable, 1},
		{"read that timed out", look(gocql.LocalQuorum), scyllasim.KindSelect, scyllasim.TimeoutBefore, 2},
		{"read whose connection was lost", look(gocql.LocalQuorum), scyllasim.KindSelect, scyllasim.DropBefore, 2},
		{"serial read that timed out", look(gocql.LocalSerial), scyllasim.KindSelect, scyllasim.TimeoutBefore, 2},
	}
	for _, tt := range tests {
		s, err := scylla.Connect(t.Context(), config) // its own, as some lose their connections
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		awaitNodes(t, s, 3)
		before := sim.QueryCount(table, tt.kind)
		remove := sim.Inject(scyllasim.Fault{Table: table, Kind: tt.kind, Effect: tt.effect})
		err = tt.do(s)
		remove()
		if got := sim.QueryCount(table, tt.kind) - before; got != tt.times || (err == nil) != (tt.times > 1) {
			t.Errorf("%s: sent %d times, want %d (error %v)", tt.name, got, tt.times, err)
		}
	}
}

// awaitNodes waits until the driver is connected to all nodes, which it does at its own pace.
func awaitNodes(t *testing.T, s *gocql.Session, nodes int) {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		connected := 0
		s.IterateHostPools(func(pool gocql.HostPoolInfo) bool {
			if pool.GetConnectionCount() > 0 && pool.Host().IsUp() {
				connected++
			}
			return true
		})
		if connected == nodes {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("connected to %d of %d nodes", connected, nodes)
		}
	}
}
