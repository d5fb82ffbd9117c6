package scyllasim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/go-cmp/cmp"

	"orderflow/tests/scyllasim"
)

// rows runs a query and renders each row as its values in order. Null is "null".
func rows(tb testing.TB, q *gocql.Query) []string {
	tb.Helper()
	iter := q.Iter()
	var out []string
	for {
		dest := make([]any, len(iter.Columns()))
		for i := range dest {
			dest[i] = &raw{}
		}
		if !iter.Scan(dest...) {
			break
		}
		vals := make([]string, len(dest))
		for i := range dest {
			if vals[i] = "null"; dest[i].(*raw).v != nil {
				vals[i] = fmt.Sprint(dest[i].(*raw).v)
			}
		}
		out = append(out, strings.Join(vals, " "))
	}
	if err := iter.Close(); err != nil {
		tb.Fatalf("%v: %v", q, err)
	}
	return out
}

// script runs statements in order and compares the answers. A line is a statement, then "-- " and
// its rows separated by "; ", or "error: " and a part of the message.
func script(t *testing.T, s *gocql.Session, lines ...string) {
	t.Helper()
	for _, l := range lines {
		cql, want, query := strings.Cut(l, " -- ")
		if text, ok := strings.CutPrefix(want, "error: "); ok {
			if err := s.Query(cql).Exec(); err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: got error %v, want %q", cql, err, text)
			}
			continue
		}
		if !query {
			exec(t, s, cql)
			continue
		}
		if d := cmp.Diff(want, strings.Join(rows(t, s.Query(cql)), "; ")); d != "" {
			t.Errorf("%s (-want +got)\n%s", cql, d)
		}
	}
}

func shop(t *testing.T) (*scyllasim.Sim, *gocql.Session) {
	t.Helper()
	sim := start(t, scyllasim.Options{Clock: factClock()})
	exec(t, connect(t, cluster(sim)), createKeyspace)
	c := cluster(sim)
	c.Keyspace = "shop"
	return sim, connect(t, c)
}

func TestCQL_the_later_timestamp_wins_whatever_arrives_first(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	script(t, s,
		"CREATE TABLE t (a int, b int, c text, d text, PRIMARY KEY (a, b))",
		"INSERT INTO t (a, b, c) VALUES (1, 1, 'new') USING TIMESTAMP 20",
		"INSERT INTO t (a, b, c, d) VALUES (1, 1, 'old', 'd') USING TIMESTAMP 10",
		"SELECT c, d, writetime(c), writetime(d) FROM t WHERE a = 1 -- new d 20 10",
		"DELETE FROM t USING TIMESTAMP 15 WHERE a = 1 AND b = 1",
		"SELECT c, d FROM t WHERE a = 1 -- new null",
		"UPDATE t USING TIMESTAMP 20 SET c = null WHERE a = 1 AND b = 1",
		"SELECT b, c FROM t WHERE a = 1 -- 1 null",
		"DELETE FROM t USING TIMESTAMP 30 WHERE a = 1",
		"INSERT INTO t (a, b, c) VALUES (1, 2, 'older than the deletion') USING TIMESTAMP 29",
		"INSERT INTO t (a, b, c) VALUES (1, 3, 'x') USING TIMESTAMP 31",
		"SELECT b FROM t WHERE a = 1 -- 3",
	)
}

func TestCQL_ranges_are_deleted_and_stay_deleted_for_older_writes(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	script(t, s,
		"CREATE TABLE t (a int, b int, c int, PRIMARY KEY (a, b, c))",
		"INSERT INTO t (a, b, c) VALUES (1, 1, 1) USING TIMESTAMP 1", "INSERT INTO t (a, b, c) VALUES (1, 1, 2) USING TIMESTAMP 1",
		"INSERT INTO t (a, b, c) VALUES (1, 2, 1) USING TIMESTAMP 1", "INSERT INTO t (a, b, c) VALUES (1, 3, 1) USING TIMESTAMP 1",
		"DELETE FROM t USING TIMESTAMP 2 WHERE a = 1 AND b = 1 AND c > 1",
		"SELECT b, c FROM t WHERE a = 1 -- 1 1; 2 1; 3 1",
		"DELETE FROM t USING TIMESTAMP 2 WHERE a = 1 AND b >= 2 AND b < 3",
		"SELECT b, c FROM t WHERE a = 1 -- 1 1; 3 1",
		"INSERT INTO t (a, b, c) VALUES (1, 2, 5) USING TIMESTAMP 1",
		"INSERT INTO t (a, b, c) VALUES (1, 2, 6) USING TIMESTAMP 3",
		"SELECT b, c FROM t WHERE a = 1 -- 1 1; 2 6; 3 1",
		"DELETE FROM t WHERE a = 1 AND b = 2",
		"SELECT b, c FROM t WHERE a = 1 -- 1 1; 3 1",
	)
}

func TestCQL_static_columns_belong_to_the_partition(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	script(t, s,
		"CREATE TABLE t (a int, b int, s int static, c int, PRIMARY KEY (a, b))",
		"UPDATE t SET s = 7 WHERE a = 1",
		"SELECT * FROM t WHERE a = 1 -- 1 null 7 null",
		"SELECT s FROM t WHERE a = 1 AND b > 0 -- ",
		"INSERT INTO t (a, b, c) VALUES (1, 1, 1)", "INSERT INTO t (a, b, s, c) VALUES (1, 2, 8, 2)", "INSERT INTO t (a, s) VALUES (2, 9)",
		"SELECT * FROM t WHERE a = 1 -- 1 1 8 1; 1 2 8 2",
		"SELECT DISTINCT a, s FROM t WHERE a IN (1, 2) -- 1 8; 2 9",
		"SELECT COUNT(*) FROM t -- 3",
		"UPDATE t SET s = 1 WHERE a = 1 AND b = 1 -- error: modifies only static columns",
		"SELECT DISTINCT b FROM t -- error: SELECT DISTINCT queries must only request partition key columns",
	)
}

func TestCQL_selects(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	script(t, s,
		"CREATE TABLE t (a int, b int, c int, d text, PRIMARY KEY (a, b, c)) WITH CLUSTERING ORDER BY (b DESC, c ASC)",
	)
	for _, k := range [][2]int{{1, 1}, {1, 2}, {2, 1}, {3, 1}, {3, 3}} {
		exec(t, s, "INSERT INTO t (a, b, c, d) VALUES (1, ?, ?, ?)", k[0], k[1], fmt.Sprint("d", k[0], k[1]))
	}
	script(t, s,
		"SELECT b, c FROM t WHERE a = 1 -- 3 1; 3 3; 2 1; 1 1; 1 2",
		"SELECT b, c FROM t WHERE a = 1 ORDER BY b ASC -- 1 2; 1 1; 2 1; 3 3; 3 1",
		"SELECT b, c FROM t WHERE a = 1 ORDER BY b ASC, c DESC LIMIT 2 -- 1 2; 1 1",
		"SELECT b, c FROM t WHERE a = 1 AND b < 3 AND b >= 1 -- 2 1; 1 1; 1 2",
		"SELECT b, c FROM t WHERE a = 1 AND b = 3 AND c > 1 -- 3 3",
		"SELECT b, c FROM t WHERE a = 1 AND b IN (1, 3) AND c = 1 -- 3 1; 1 1",
		"SELECT b, c FROM t WHERE a = 1 AND (b, c) > (2, 1) -- 3 1; 3 3",
		"SELECT b, c FROM t WHERE a IN (2, 1) PER PARTITION LIMIT 1 -- 3 1",
		"SELECT d AS x FROM t WHERE a = 1 AND b = 2 AND c = 1 -- d2 1",
		"SELECT b FROM t WHERE d = 'd3 3' ALLOW FILTERING -- 3",
		"SELECT b FROM t WHERE a = 1 AND b IN () -- ",
		"SELECT COUNT(*) FROM t WHERE a = 1 AND b = 3 -- 2",
		"SELECT b FROM t WHERE d = 'x' -- error: ALLOW FILTERING",
		"SELECT b FROM t WHERE b = 1 -- error: ALLOW FILTERING",
		"SELECT b FROM t WHERE a = 1 AND c = 1 -- error: PRIMARY KEY column \"c\" cannot be restricted as preceding column \"b\"",
		"SELECT b FROM t WHERE a = 1 AND b > 1 AND c = 1 -- error: preceding column \"b\" is restricted by a non-EQ relation",
		"SELECT b FROM t ORDER BY b -- error: ORDER BY is only supported when the partition key is restricted",
		"SELECT b FROM t WHERE a = 1 LIMIT 0 -- error: LIMIT must be strictly positive",
		"SELECT b FROM t WHERE a = 'x' -- error: Invalid STRING constant (x) for type int",
		"SELECT max(b) FROM t -- error: scyllasim does not support the function max",
		"CREATE INDEX ON t (d) -- error: scyllasim does not support CREATE INDEX",
		"SELECT FROM t -- error: line 1:12 no viable alternative at input 't'",
	)
}

func TestCQL_collections(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	script(t, s,
		"CREATE TABLE t (a int PRIMARY KEY, m map<text, int>, s set<text>, f frozen<set<int>>, l frozen<list<int>>)",
		"INSERT INTO t (a, m, s, f, l) VALUES (1, {'b': 2, 'a': 1}, {'y', 'x'}, {3, 1, 3}, [3, 1, 3])",
		"SELECT m, s, f, l FROM t WHERE a = 1 -- map[a:1 b:2] [x y] [1 3] [3 1 3]",
		"UPDATE t SET m = m + {'c': 3}, s = s - {'x'} WHERE a = 1",
		"UPDATE t SET m['a'] = 10 WHERE a = 1",
		"DELETE m['b'] FROM t WHERE a = 1",
		"SELECT m, s FROM t WHERE a = 1 -- map[a:10 c:3] [y]",
		"UPDATE t SET m = {'z': 26}, s = {} WHERE a = 1",
		"SELECT m, s FROM t WHERE a = 1 -- map[z:26] null",
		"UPDATE t SET f = f + {1} WHERE a = 1 -- error: Invalid operation for non-collection or frozen column f",
		"CREATE TABLE u (a int PRIMARY KEY, l list<int>) -- error: scyllasim does not support non-frozen lists",
	)
}

func TestCQL_conditions(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	script(t, s,
		"CREATE TABLE t (a int, b int, s int static, c int, PRIMARY KEY (a, b))",
		"INSERT INTO t (a, s) VALUES (1, 5)",
		"INSERT INTO t (a, b, c) VALUES (1, 1, 1) IF NOT EXISTS -- true 1 null 5 null",
		"INSERT INTO t (a, b, c) VALUES (1, 1, 2) IF NOT EXISTS -- false 1 1 5 1",
		"UPDATE t SET c = 2 WHERE a = 1 AND b = 1 IF c > 0 AND s = 5 -- true 5 1",
		"UPDATE t SET c = 3 WHERE a = 1 AND b = 1 IF c IN (7, 8) -- false 2",
		"UPDATE t SET c = 3 WHERE a = 1 AND b = 1 IF c != 7 -- true 2",
		"UPDATE t SET c = 3 WHERE a = 1 AND b = 9 IF EXISTS -- false 1 null 5 null",
		"UPDATE t SET c = 1 WHERE a = 2 AND b = 1 IF c = null -- true null",
		"DELETE FROM t WHERE a = 1 AND b = 1 IF EXISTS -- true 1 1 5 3",
		"SELECT b FROM t WHERE a = 1 AND b = 1 -- ",
		"UPDATE t SET c = 1 WHERE a = 1 AND b = 1 IF nothing = 1 -- error: Unknown identifier nothing",
		"UPDATE t USING TIMESTAMP 5 SET c = 1 WHERE a = 1 AND b = 1 IF c = 1 -- error: Cannot provide custom timestamp for conditional updates",
	)
}

func TestCQL_keys_and_values_are_checked(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	script(t, s,
		"CREATE TABLE t (a int, b int, c int, PRIMARY KEY (a, b))",
		"INSERT INTO t (a, c) VALUES (1, 1) -- error: Missing mandatory PRIMARY KEY part b",
		"INSERT INTO t (a, b, x) VALUES (1, 1, 1) -- error: Unknown identifier x",
		"INSERT INTO t (a, b) VALUES (1, null) -- error: Invalid null value in condition for column b",
		"UPDATE t SET b = 1 WHERE a = 1 AND b = 1 -- error: PRIMARY KEY part b found in SET part",
		"UPDATE t SET c = 1 WHERE a = 1 -- error: Missing mandatory PRIMARY KEY part b",
		"DELETE FROM t WHERE b = 1 -- error: Missing mandatory PRIMARY KEY part a",
		"INSERT INTO system.local (key) VALUES ('x') -- error: scyllasim does not support writing to system.local",
		"CREATE TABLE bad (a int) -- error: No PRIMARY KEY",
		"CREATE TABLE bad (a int PRIMARY KEY) WITH nonsense = 1 -- error: Unknown property 'nonsense'",
		"CREATE TABLE nowhere.t (a int PRIMARY KEY) -- error: Keyspace nowhere does not exist",
	)
	err := s.Query("INSERT INTO t (a, b) VALUES (1, 1)").Consistency(gocql.Serial).Exec()
	if err == nil || !strings.Contains(err.Error(), "You must use conditional updates for serializable writes") {
		t.Errorf("a plain insert at SERIAL: %v", err)
	}
}

func TestCQL_schema_changes(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	script(t, s,
		"CREATE TABLE t (a int PRIMARY KEY, b int) WITH cdc = {'enabled': true}",
		"INSERT INTO t (a, b) VALUES (1, 1)",
		"ALTER TABLE t ADD c text",
		"INSERT INTO t (a, c) VALUES (2, 'new')",
		"SELECT a, b, c FROM t -- 1 1 null; 2 null new",
		"SELECT a, c FROM t_scylla_cdc_log WHERE a = 2 ALLOW FILTERING -- 2 new",
		"ALTER TABLE t ADD c text -- error: conflicts with an existing column",
		"DROP TABLE t_scylla_cdc_log -- error: Cannot drop the CDC log table",
		"TRUNCATE t", "SELECT COUNT(*) FROM t -- 0",
		"DROP TABLE t", "DROP TABLE IF EXISTS t", "DROP TABLE t -- error: unconfigured table t",
		"SELECT COUNT(*) FROM t_scylla_cdc_log -- error: unconfigured table",
		"DROP KEYSPACE shop", "DROP KEYSPACE shop -- error: Cannot drop non existing keyspace 'shop'",
	)
}

func TestCQL_ttl(t *testing.T) {
	t.Parallel()
	sim, s := shop(t)
	script(t, s,
		"CREATE TABLE t (a int PRIMARY KEY, b int, c int) WITH default_time_to_live = 100",
		"INSERT INTO t (a, b) VALUES (1, 1)",
		"INSERT INTO t (a, b) VALUES (2, 1) USING TTL 0",
		"UPDATE t USING TTL 50 SET c = 1 WHERE a = 1",
		"SELECT ttl(b), ttl(c) FROM t WHERE a = 1 -- 100 50",
	)
	sim.Advance(50 * time.Second)
	script(t, s, "SELECT b, c FROM t WHERE a = 1 -- 1 null")
	sim.Advance(50 * time.Second)
	script(t, s, "SELECT b FROM t WHERE a = 1 -- ", "SELECT b, ttl(b) FROM t -- 1 null")
}

func TestCQL_a_lease_expires_unless_it_is_renewed(t *testing.T) {
	t.Parallel()
	sim, s := shop(t)
	script(t, s,
		"CREATE TABLE lease (name text PRIMARY KEY, owner text, epoch bigint)",
		"INSERT INTO lease (name, owner, epoch) VALUES ('a', 'p1', 1) IF NOT EXISTS USING TTL 30 -- true null null null",
	)
	sim.Advance(20 * time.Second)
	script(t, s, "UPDATE lease USING TTL 30 SET owner = 'p1', epoch = 1 WHERE name = 'a' IF owner = 'p1' AND epoch = 1 -- true 1 p1")
	sim.Advance(20 * time.Second)
	script(t, s, "INSERT INTO lease (name, owner, epoch) VALUES ('a', 'p2', 2) IF NOT EXISTS USING TTL 30 -- false a 1 p1")
	sim.Advance(10 * time.Second)
	script(t, s,
		"UPDATE lease USING TTL 30 SET owner = 'p1' WHERE name = 'a' IF owner = 'p1' -- false null",
		"INSERT INTO lease (name, owner, epoch) VALUES ('a', 'p2', 2) IF NOT EXISTS USING TTL 30 -- true null null null",
	)
}

func TestCQL_postimages_and_preimages(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	script(t, s,
		"CREATE TABLE t (a int, b int, c int, d int, PRIMARY KEY (a, b)) WITH cdc = {'enabled': true, 'preimage': 'true', 'postimage': true}",
		"INSERT INTO t (a, b, c, d) VALUES (1, 1, 1, 1)",
		"UPDATE t SET c = 2 WHERE a = 1 AND b = 1",
		`SELECT "cdc$batch_seq_no", "cdc$operation", b, c, d FROM t_scylla_cdc_log`+
			" -- 0 2 1 1 1; 1 9 1 1 1; 0 0 1 1 null; 1 1 1 2 null; 2 9 1 2 1",
		"CREATE TABLE u (a int, b int, c int, PRIMARY KEY (a, b)) WITH cdc = {'enabled': true, 'delta': 'keys'}",
		"INSERT INTO u (a, b, c) VALUES (1, 1, 1)",
		"DELETE FROM u WHERE a = 1 AND b > 0 AND b <= 5",
		"DELETE FROM u WHERE a = 1",
		`SELECT "cdc$batch_seq_no", "cdc$operation", b, c FROM u_scylla_cdc_log -- 0 2 1 null; 0 6 0 null; 1 7 5 null; 0 4 null null`,
	)
}

func TestCQL_literals_of_every_type(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	script(t, s,
		"CREATE TABLE t (k text PRIMARY KEY, a ascii, bi bigint, bl blob, bo boolean, d double, f float, i inet, si smallint, ti tinyint, ts timestamp, u uuid)",
		"INSERT INTO t (k, a, bi, bl, bo, d, f, i, si, ti, ts, u) VALUES ('it''s', 'a', -9223372036854775808, 0xCAFE, true, 1.5, -2e3, "+
			"'::1', -5, 127, '2026-01-02 03:04:05+0000', 00000000-0000-4000-8000-000000000001)",
		"SELECT * FROM t -- it's a -9223372036854775808 0xcafe true 1.5 -2000 ::1 -5 127 2026-01-02T03:04:05Z 00000000-0000-4000-8000-000000000001",
		"INSERT INTO t (k, ts) VALUES ('n', 1000)",
		"SELECT ts FROM t WHERE k = 'n' -- 1970-01-01T00:00:01Z",
		"INSERT INTO t (k, ti) VALUES ('x', 128) -- error: Invalid INTEGER constant (128) for type tinyint",
		"INSERT INTO t (k, u) VALUES ('x', 'y') -- error: Invalid STRING constant (y) for type uuid",
		"INSERT INTO t (k, bl) VALUES ('x', 0xA) -- error: Invalid HEX constant (0xA) for type blob",
		"INSERT INTO t (k, bo) VALUES ('x', 1) -- error: Invalid INTEGER constant (1) for type boolean",
		"INSERT INTO t (k, d) VALUES ('x', {1}) -- error: Invalid collection literal for type double",
		"INSERT INTO t (k) VALUES (:name) -- error: scyllasim does not support named bind markers",
	)
}

func TestCQL_functions_and_tokens(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{Clock: func() time.Time { return factNow }})
	s := connect(t, cluster(sim))
	exec(t, s, createKeyspace)
	script(t, s,
		"CREATE TABLE shop.t (a int, at timeuuid, ts timestamp, u uuid, PRIMARY KEY (a, at))",
		"INSERT INTO shop.t (a, at, ts, u) VALUES (1, now(), toTimestamp(now()), uuid())",
		"SELECT ts FROM shop.t -- 2026-11-23T05:13:27.62Z",
		"SELECT a FROM shop.t WHERE a = 1 AND at > minTimeuuid('2026-11-23T05:13:27.619Z') AND at <= maxTimeuuid('2026-11-23T05:13:27.620Z') -- 1",
		"SELECT a FROM shop.t WHERE a = 1 AND at > maxTimeuuid('2026-11-23T05:13:27.620Z') -- ",
		"SELECT token(a) FROM shop.t WHERE token(a) = token(1) -- -4069959284402364209",
		"SELECT a FROM shop.t WHERE token(a) >= -4069959284402364209 AND token(a) <= -4069959284402364209 -- 1",
		"SELECT a FROM shop.t WHERE token(a) > token(1) -- ",
		"SELECT a FROM shop.t WHERE token(a) < token(1) -- ",
		"SELECT a FROM shop.t WHERE token(a) > 9223372036854775807 -- ",
		"SELECT a FROM shop.t WHERE token(at) > 0 -- error: The token function arguments must be in the partition key order",
	)
	for _, c := range []struct {
		cql  string
		args []any
		want int
	}{
		{"SELECT a FROM shop.t WHERE a IN ?", []any{[]int{1, 2, 1}}, 1},
		{"SELECT a FROM shop.t WHERE a IN (?, ?)", []any{3, 1}, 1},
		{"SELECT a FROM shop.t WHERE token(a) >= token(?)", []any{1}, 1},
		{"SELECT a FROM shop.t WHERE a = ? LIMIT ?", []any{1, gocql.UnsetValue}, 1},
	} {
		if got := rows(t, s.Query(c.cql, c.args...)); len(got) != c.want {
			t.Errorf("%s %v: %v, want %d rows", c.cql, c.args, got, c.want)
		}
	}
}

func TestCQL_unset_and_null_values(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	exec(t, s, "CREATE TABLE t (a int PRIMARY KEY, b int, m map<text, int>) WITH default_time_to_live = 10")
	exec(t, s, "INSERT INTO t (a, b, m) VALUES (?, ?, ?) USING TTL ?", 1, 1, map[string]int{"x": 1}, nil)
	exec(t, s, "UPDATE t SET b = ?, m = ? WHERE a = ?", gocql.UnsetValue, gocql.UnsetValue, 1)
	script(t, s, "SELECT b, m, ttl(b) FROM t WHERE a = 1 -- 1 map[x:1] null")
	exec(t, s, "UPDATE t USING TTL ? SET b = ?, m = m + ? WHERE a = ?", gocql.UnsetValue, 2, nil, 1)
	exec(t, s, "UPDATE t SET m[?] = ? WHERE a = ?", "y", 2, 1)
	exec(t, s, "DELETE m[?] FROM t WHERE a = ?", "x", 1)
	script(t, s, "SELECT b, m, ttl(b) FROM t WHERE a = 1 -- 2 map[y:2] 10")
	for _, args := range [][]any{{nil}, {gocql.UnsetValue}} {
		if err := s.Query("DELETE FROM t WHERE a = ?", args...).Exec(); err == nil {
			t.Errorf("a key of %v is accepted", args[0])
		}
	}
}

// TestCQL_deleted_rows_are_forgotten checks that a queue table stays small: a minute after their
// deletion, rows cost nothing, if the table says so.
func TestCQL_deleted_rows_are_forgotten(t *testing.T) {
	t.Parallel()
	sim, s := shop(t)
	exec(t, s, "CREATE TABLE t (a int, b int, PRIMARY KEY (a, b)) WITH tombstone_gc = {'mode': 'immediate'}")
	for b := range 150 {
		exec(t, s, "INSERT INTO t (a, b) VALUES (1, ?)", b)
		exec(t, s, "DELETE FROM t WHERE a = 1 AND b = ?", b)
		if b == 20 {
			sim.Advance(2 * time.Minute)
		}
	}
	// would still be shadowed by a tombstone
	exec(t, s, "INSERT INTO t (a, b) VALUES (1, 1) USING TIMESTAMP 5")
	exec(t, s, "INSERT INTO t (a, b) VALUES (1, 149) USING TIMESTAMP 5")
	script(t, s, "SELECT b FROM t WHERE a = 1 -- 1")
}

func TestCQL_keyspaces(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	script(t, s,
		"CREATE KEYSPACE IF NOT EXISTS shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		"CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1} -- error: Cannot add existing keyspace",
		"CREATE KEYSPACE k WITH replication = {'class': 'Nonsense', 'replication_factor': 1} -- error: Unable to find replication strategy class",
		"CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy'} -- error: requires a replication_factor",
		"CREATE KEYSPACE k WITH replication = {'class': 'NetworkTopologyStrategy', 'elsewhere': 1} -- error: Unrecognized strategy option",
		"CREATE KEYSPACE k WITH durable_writes = true -- error: Missing mandatory option 'replication'",
		"DROP KEYSPACE IF EXISTS k",
		"ALTER TABLE nothing ADD x int -- error: unconfigured table nothing",
		"CREATE TABLE t (a int PRIMARY KEY, b int)",
		"ALTER TABLE t WITH cdc = {'enabled': true} AND comment = 'x'",
		"INSERT INTO t (a) VALUES (1)",
		`SELECT a FROM t_scylla_cdc_log -- 1`,
		"ALTER TABLE t WITH cdc = {'sometimes': true} -- error: unknown option",
		"ALTER TABLE t DROP b -- error: scyllasim does not support ALTER TABLE DROP",
	)
}
