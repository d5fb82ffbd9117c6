package scyllasim_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/go-cmp/cmp"

	"orderflow/tests/scyllasim"
)

func TestSession_pages_neither_skip_nor_repeat(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	exec(t, s, "CREATE TABLE t (a int, b int, s int static, PRIMARY KEY (a, b))")
	for a := range 5 {
		for b := range 7 {
			exec(t, s, "INSERT INTO t (a, b) VALUES (?, ?)", a, b)
		}
	}
	exec(t, s, "INSERT INTO t (a, s) VALUES (100, 1)")
	for _, cql := range []string{
		"SELECT a, b FROM t",
		"SELECT a, b FROM t WHERE a = 3",
		"SELECT a, b FROM t WHERE a = 3 ORDER BY b DESC",
		"SELECT a, b FROM t WHERE a = 3 AND b > 1 AND b <= 5",
		"SELECT a, b FROM t WHERE a IN (4, 1, 100)",
		"SELECT a, b FROM t LIMIT 17",
		"SELECT a, b FROM t PER PARTITION LIMIT 3",
		"SELECT DISTINCT a FROM t",
		"SELECT a FROM t WHERE token(a) > 0",
	} {
		whole := rows(t, s.Query(cql).PageSize(1000))
		for _, size := range []int{1, 2, 3, 7, 36} {
			if d := cmp.Diff(whole, rows(t, s.Query(cql).PageSize(size))); d != "" {
				t.Errorf("%s in pages of %d (-whole +paged)\n%s", cql, size, d)
			}
		}
	}
}

func TestSession_a_paging_state_survives_writes_in_between(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	exec(t, s, "CREATE TABLE t (a int, b int, PRIMARY KEY (a, b))")
	for _, b := range []int{10, 20, 30, 40} {
		exec(t, s, "INSERT INTO t (a, b) VALUES (1, ?)", b)
	}
	iter := s.Query("SELECT b FROM t WHERE a = 1").PageSize(2).PageState(nil).Iter()
	state := iter.PageState()
	if err := iter.Close(); err != nil {
		t.Fatal(err)
	}
	exec(t, s, "INSERT INTO t (a, b) VALUES (1, 5)")
	exec(t, s, "INSERT INTO t (a, b) VALUES (1, 25)")
	got := rows(t, s.Query("SELECT b FROM t WHERE a = 1").PageSize(10).PageState(state))
	if d := cmp.Diff([]string{"25", "30", "40"}, got); d != "" {
		t.Error(d)
	}
}

func TestSession_prepares_again_when_the_server_forgot(t *testing.T) {
	t.Parallel()
	sim, s := shop(t)
	exec(t, s, "CREATE TABLE t (a int PRIMARY KEY, b int)")
	for i := range 3 {
		exec(t, s, "INSERT INTO t (a, b) VALUES (?, ?)", i, i)
		sim.ForgetPrepared()
	}
	b := s.Batch(gocql.UnloggedBatch)
	b.Query("INSERT INTO t (a, b) VALUES (?, ?)", 3, 3)
	b.Query("INSERT INTO t (a, b) VALUES (?, ?)", 4, 4)
	if err := s.ExecuteBatch(b); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, s.Query("SELECT COUNT(*) FROM t")); !slices.Equal(got, []string{"5"}) {
		t.Errorf("%v rows, want 5", got)
	}
}

// askedHosts records which node answered each query.
type askedHosts struct{ hosts map[string]int }

func (a *askedHosts) ObserveQuery(_ context.Context, q gocql.ObservedQuery) {
	a.hosts[q.Host.ConnectAddress().String()]++
}

func TestSession_routes_to_the_replica(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{Nodes: 3})
	exec(t, connect(t, cluster(sim)), createKeyspace)
	c := cluster(sim)
	c.Keyspace = "shop"
	c.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(gocql.DCAwareRoundRobinPolicy("datacenter1"))
	s := connect(t, c)
	exec(t, s, "CREATE TABLE t (a uuid PRIMARY KEY, b int)")

	all := map[string]bool{}
	// the tokens of a node may be few and close together
	for keys := 0; keys < 20 || len(all) < 3; keys++ {
		if keys == 2000 {
			t.Fatalf("%d keys were served by %v, want 3 nodes", keys, all)
		}
		key := gocql.MustRandomUUID()
		asked := &askedHosts{map[string]int{}}
		for range 5 {
			for _, cql := range []string{"INSERT INTO t (b, a) VALUES (?, ?)", "UPDATE t SET b = ? WHERE a = ? IF b = 1"} {
				if err := s.Query(cql, 1, key).Observer(asked).Exec(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(asked.hosts) != 1 {
			t.Fatalf("one partition with one replica was asked for on %v", asked.hosts)
		}
		for h := range asked.hosts {
			all[h] = true
		}
	}
}

func TestSession_knows_conditional_statements(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	exec(t, s, "CREATE TABLE t (a int PRIMARY KEY, b int)")
	for cql, want := range map[string]bool{
		"INSERT INTO t (a, b) VALUES (?, ?) IF NOT EXISTS": true,
		"UPDATE t SET b = ? WHERE a = ? IF b = 1":          true,
		"INSERT INTO t (a, b) VALUES (?, ?)":               false,
	} {
		q := s.Query(cql, 1, 1)
		if _, err := q.GetRoutingKey(); err != nil { // prepares
			t.Fatal(err)
		}
		if q.IsLWT() != want {
			t.Errorf("%s: conditional %v, want %v", cql, q.IsLWT(), want)
		}
	}
}

func TestSession_sees_schema_and_metadata(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	exec(t, s, createOutbox)
	var m *gocql.TableMetadata
	refresh := func() (err error) { // some time after an event the driver drops what it knew
		m, err = s.TableMetadata("shop", "outbox_messages")
		return err
	}
	eventually(t, refresh)
	if len(m.PartitionKey) != 1 || len(m.ClusteringColumns) != 1 || m.Columns["metadata"].Type != "frozen<map<text, text>>" {
		t.Errorf("metadata %+v", m)
	}
	log, err := s.TableMetadata("shop", "outbox_messages_scylla_cdc_log")
	if err != nil || log.Options.Partitioner != "com.scylladb.dht.CDCPartitioner" {
		t.Errorf("log partitioner %+v, %v", log, err)
	}
	if err := s.AwaitSchemaAgreement(t.Context()); err != nil {
		t.Error(err)
	}
	exec(t, s, "ALTER TABLE outbox_messages ADD extra text")
	eventually(t, func() error {
		if err := refresh(); err != nil {
			return err
		}
		if m.Columns["extra"] == nil {
			return errors.New("the new column is not there")
		}
		return nil
	})
}

// eventually repeats f until it returns no error. After a minute the test fails.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for err := f(); err != nil; err = f() {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestSession_authenticates(t *testing.T) {
	t.Parallel()
	c := cluster(start(t, scyllasim.Options{Username: "u", Password: "p"}))
	c.Authenticator = gocql.PasswordAuthenticator{Username: "u", Password: "p"}
	exec(t, connect(t, c), createKeyspace)
}

func TestSession_encrypts(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(nil) // for its certificate of 127.0.0.1
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	c := cluster(start(t, scyllasim.Options{TLS: &tls.Config{Certificates: web.TLS.Certificates}}))
	c.SslOpts = &gocql.SslOptions{Config: &tls.Config{RootCAs: roots}, EnableHostVerification: true}
	exec(t, connect(t, c), createKeyspace)
}

func TestSession_survives_the_loss_of_a_node(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{Nodes: 3})
	c := cluster(sim)
	c.Hosts = sim.Hosts()
	c.RetryPolicy = &gocql.SimpleRetryPolicy{NumRetries: 3}
	c.ReconnectInterval = 50 * time.Millisecond
	s := connect(t, c)
	exec(t, s, "CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 3}")
	exec(t, s, "CREATE TABLE shop.t (a int PRIMARY KEY)")
	write := func(cl gocql.Consistency) error {
		return s.Query("INSERT INTO shop.t (a) VALUES (?)", 1).Consistency(cl).Idempotent(true).Exec()
	}
	// The driver notices a lost or returned node after some time.
	sees := func(cl gocql.Consistency, ok func(error) bool) {
		t.Helper()
		eventually(t, func() error {
			if err := write(cl); !ok(err) {
				return fmt.Errorf("write at %v: %w", cl, errors.Join(err, errors.New("unexpected")))
			}
			return nil
		})
	}
	fine := func(err error) bool { return err == nil }
	sim.StopNode(2)
	sees(gocql.Quorum, fine)
	sees(gocql.All, func(err error) bool { return isUnavailable(err, 3, 2) })
	sim.StopNode(3)
	sees(gocql.Quorum, func(err error) bool { return isUnavailable(err, 2, 1) })
	for i := 2; i <= 3; i++ {
		if err := sim.StartNode(i); err != nil {
			t.Fatal(err)
		}
	}
	sees(gocql.All, fine)
}

func isUnavailable(err error, required, alive int) bool {
	var u *gocql.RequestErrUnavailable
	return errors.As(err, &u) && u.Required == required && u.Alive == alive
}

func TestSession_injected_faults(t *testing.T) {
	t.Parallel()
	insert := "INSERT INTO t (a, b) VALUES (1, 1)"
	for _, c := range []struct {
		name    string
		fault   scyllasim.Fault
		cql     string
		err     string
		applied bool
	}{
		{"timeout before applying", scyllasim.Fault{Effect: scyllasim.TimeoutBefore}, insert, "*gocql.RequestErrWriteTimeout SIMPLE", false},
		{"timeout after applying", scyllasim.Fault{Effect: scyllasim.TimeoutAfter}, insert, "*gocql.RequestErrWriteTimeout SIMPLE", true},
		{"conditional timeout before", scyllasim.Fault{Effect: scyllasim.TimeoutBefore}, insert + " IF NOT EXISTS", "*gocql.RequestErrWriteTimeout CAS", false},
		{"conditional timeout after", scyllasim.Fault{Effect: scyllasim.TimeoutAfter}, insert + " IF NOT EXISTS", "*gocql.RequestErrWriteTimeout CAS", true},
		{"unavailable", scyllasim.Fault{Effect: scyllasim.Unavailable}, insert, "*gocql.RequestErrUnavailable", false},
		{"overloaded", scyllasim.Fault{Effect: scyllasim.Overloaded}, insert, "frame.ErrorFrame", false},
		{"select times out", scyllasim.Fault{Kind: scyllasim.KindSelect, Effect: scyllasim.TimeoutAfter}, "SELECT a FROM t WHERE a = 1", "*gocql.RequestErrReadTimeout", false},
		{"a pattern", scyllasim.Fault{Pattern: regexp.MustCompile("^INSERT"), Effect: scyllasim.TimeoutBefore}, insert, "*gocql.RequestErrWriteTimeout SIMPLE", false},
		{"conditional unavailable", scyllasim.Fault{Effect: scyllasim.Unavailable}, insert + " IF NOT EXISTS", "*gocql.RequestErrUnavailable", false},
		{"dropped before", scyllasim.Fault{Effect: scyllasim.DropBefore}, insert, "*errors.errorString", false},
		{"ignored", scyllasim.Fault{Effect: scyllasim.Ignored}, insert, "<nil>", false},
		{"dropped after", scyllasim.Fault{Effect: scyllasim.DropAfter}, insert, "*errors.errorString", true},
		{"a delay", scyllasim.Fault{Delay: time.Millisecond}, insert, "<nil>", true},
		{"another table", scyllasim.Fault{Table: "u", Effect: scyllasim.TimeoutBefore}, insert, "<nil>", true},
		{"another kind", scyllasim.Fault{Kind: scyllasim.KindUpdate, Effect: scyllasim.TimeoutBefore}, insert, "<nil>", true},
		{"not yet", scyllasim.Fault{Nth: 2, Effect: scyllasim.TimeoutBefore}, insert, "<nil>", true},
		{"a Paxos fault on a plain write", scyllasim.Fault{Effect: scyllasim.PaxosNotAccepted}, insert, "<nil>", true},
		{"a condition that says no", scyllasim.Fault{When: func() bool { return false }, Effect: scyllasim.TimeoutBefore}, insert, "<nil>", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim, s := shop(t)
			exec(t, s, "CREATE TABLE t (a int PRIMARY KEY, b int)")
			remove := sim.Inject(c.fault)
			err := s.Query(c.cql).Exec()
			remove()
			remove()
			if got := cause(err); got != c.err {
				t.Errorf("got %s (%v), want %s", got, err, c.err)
			}
			var n int
			// the driver may have to reconnect
			eventually(t, func() error { return s.Query("SELECT COUNT(*) FROM t").Scan(&n) })
			if (n == 1) != c.applied {
				t.Errorf("applied %v, want %v", n == 1, c.applied)
			}
		})
	}
}

// cause names the type of the driver's error, and the write type of a timeout.
func cause(err error) string {
	var q *gocql.QueryError
	if errors.As(err, &q) {
		err = errors.Unwrap(err)
	}
	if to, ok := err.(*gocql.RequestErrWriteTimeout); ok {
		return fmt.Sprintf("%T %s", err, to.WriteType)
	}
	return fmt.Sprintf("%T", err)
}

func TestSession_write_types_of_batches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   gocql.BatchType
		effect scyllasim.Effect
		want   string
	}{
		{gocql.LoggedBatch, scyllasim.TimeoutBefore, "*gocql.RequestErrWriteTimeout BATCH_LOG"},
		{gocql.LoggedBatch, scyllasim.TimeoutAfter, "*gocql.RequestErrWriteTimeout BATCH"},
		{gocql.UnloggedBatch, scyllasim.TimeoutAfter, "*gocql.RequestErrWriteTimeout UNLOGGED_BATCH"},
	} {
		sim, s := shop(t)
		exec(t, s, "CREATE TABLE t (a int PRIMARY KEY)")
		sim.Inject(scyllasim.Fault{Kind: scyllasim.KindBatch, Effect: c.effect})
		b := s.Batch(c.kind)
		b.Query("INSERT INTO t (a) VALUES (1)")
		b.Query("INSERT INTO t (a) VALUES (?)", 2)
		if got := cause(s.ExecuteBatch(b)); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestSession_reconnects_after_a_drop_of_all_connections(t *testing.T) {
	t.Parallel()
	sim, s := shop(t)
	sim.DropConnections()
	eventually(t, func() error { return s.Query("SELECT key FROM system.local").Exec() })
}

func TestStart_refuses_what_is_not_loopback(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"10.0.0.1:9042", "nonsense", "[::1]:9042"} {
		if sim, err := scyllasim.Start(scyllasim.Options{Addr: addr}); err == nil {
			sim.Close()
			t.Errorf("%s was accepted", addr)
		}
	}
	sim := start(t, scyllasim.Options{})
	if other, err := scyllasim.Start(scyllasim.Options{Addr: sim.Hosts()[0]}); err == nil {
		other.Close()
		t.Error("a port in use was accepted")
	}
	sim.Close()
	sim.Close()
	if err := sim.StartNode(1); err == nil {
		t.Error("a node was started after Close")
	}
}

// The clock of a node decides the timestamps of the writes that it coordinates, and nothing else.
func TestSkewNode_differs_in_timestamps_and_the_time_it_tells(t *testing.T) {
	t.Parallel()
	const behind = -10 * time.Minute
	sim := start(t, scyllasim.Options{Nodes: 2})
	sim.SkewNode(2, behind)
	right, wrong := connect(t, only(sim, 0)), connect(t, only(sim, 1))
	exec(t, right, "CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}")
	exec(t, right, "CREATE TABLE shop.t (a int PRIMARY KEY, b int)")
	for s, skew := range map[*gocql.Session]time.Duration{right: 0, wrong: behind} {
		var now gocql.UUID
		var written int64
		exec(t, s, "INSERT INTO shop.t (a, b) VALUES (?, ?)", int(skew.Minutes()), 1)
		if err := s.Query("SELECT now() FROM system.local").Scan(&now); err != nil {
			t.Fatal(err)
		}
		if err := s.Query("SELECT writetime(b) FROM shop.t WHERE a = ?", int(skew.Minutes())).Scan(&written); err != nil {
			t.Fatal(err)
		}
		for what, at := range map[string]time.Time{"it is": now.Time(), "written at": time.UnixMicro(written)} {
			if off := at.Sub(sim.Now().Add(skew)).Abs(); off > time.Minute {
				t.Errorf("with a clock that is %s off: %s %s", skew, what, at)
			}
		}
	}
	// A later write with the wrong clock loses against an earlier one with the right clock.
	exec(t, right, "INSERT INTO shop.t (a, b) VALUES (7, 1)")
	exec(t, wrong, "INSERT INTO shop.t (a, b) VALUES (7, 2)")
	if got := rows(t, right.Query("SELECT b FROM shop.t WHERE a = 7")); got[0] != "1" {
		t.Errorf("b is %s, want 1", got[0])
	}
	// Conditional writes do not lose, because their ballots only grow.
	for _, s := range []*gocql.Session{right, wrong} {
		if _, err := s.Query("UPDATE shop.t SET b = ? WHERE a = 8 IF b != 100", map[*gocql.Session]int{right: 1, wrong: 2}[s]).ScanCAS(new(int)); err != nil {
			t.Fatal(err)
		}
	}
	if got := rows(t, right.Query("SELECT b FROM shop.t WHERE a = 8")); got[0] != "2" {
		t.Errorf("b is %s, want 2", got[0])
	}
}

// only returns a configuration that uses one node and no other.
func only(sim *scyllasim.Sim, node int) *gocql.ClusterConfig {
	c := cluster(sim)
	c.Hosts = sim.Hosts()[node : node+1]
	c.DisableInitialHostLookup = true
	return c
}
