package scyllasim

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"github.com/datastax/go-cassandra-native-protocol/primitive"
)

// addStatements seeds a fuzz test with the captured statements and with broken ones.
func addStatements(f *testing.F) {
	f.Helper()
	file, err := os.Open("testdata/statements.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	in := bufio.NewScanner(file)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var s struct{ CQL []string }
		if err := json.Unmarshal(in.Bytes(), &s); err != nil {
			f.Fatal(err)
		}
		for _, cql := range s.CQL {
			f.Add(cql)
		}
	}
	for _, cql := range []string{
		"", "'", "\"", "/*", "SELECT token(", "{{{{", "INSERT INTO t (a) VALUES ({1:2,3})", "UPDATE t SET a[1] = b WHERE c IN ?;",
		"CREATE TABLE t (a frozen<map<text,", "SELECT a FROM k.t WHERE a = 1 AND (b,c) > (1,2) ORDER BY b DESC, c DESC LIMIT 1 -- x",
		"DELETE m['x'] FROM k.t USING TIMESTAMP 1 WHERE a=1 AND b=2 AND c=3 IF EXISTS", "DELETE FROM k.t WHERE a IN (1,2) AND b > 3",
		"INSERT INTO k.t (a, b, c, m) VALUES (1, 2, 3, {'a': 1}) IF NOT EXISTS USING TTL 3", "SELECT ttl(d), writetime(d) FROM k.t",
		"UPDATE k.t SET m['x'] = 1, d = null WHERE a = 1 AND b = 2 AND c IN (3, 4)", "UPDATE k.t SET s = 3 WHERE a = 1 IF s IN (1, null)",
		"SELECT token(a) FROM k.t WHERE token(a) > token(3) PER PARTITION LIMIT 2", "ALTER TABLE k.t ADD e set<int>",
	} {
		f.Add(cql)
	}
}

// FuzzParse checks that no input makes the parser panic, and that a statement is always parsed in
// the same way.
func FuzzParse(f *testing.F) {
	addStatements(f)
	f.Fuzz(func(t *testing.T, cql string) {
		_, binds, err := parse(cql)
		_, again, err2 := parse(cql)
		if binds != again || (err == nil) != (err2 == nil) {
			t.Errorf("parsed differently: %d %v, %d %v", binds, err, again, err2)
		}
	})
}

// FuzzExecute checks that no statement makes the server panic, whatever is bound to its markers.
func FuzzExecute(f *testing.F) {
	addStatements(f)
	f.Fuzz(func(t *testing.T, cql string) {
		s, err := Start(Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		n := s.nodes[0]
		run := func(cql string, bind *primitive.Value) {
			_, _, prepErr := s.prepare(n, "k", cql)
			st, binds, err := parse(cql)
			if err != nil {
				return
			}
			var vals []*primitive.Value
			for range binds {
				vals = append(vals, bind)
			}
			b, err := (&preparedStmt{cql, st, binds}).bound(vals)
			if err != nil {
				t.Fatal(err)
			}
			r := &request{node: n, keyspace: "k", stmts: []boundStmt{b}, pageSize: 1, cl: primitive.ConsistencyLevelOne}
			if _, err := s.execute(r); err == nil && prepErr != nil {
				t.Errorf("%s: runs, but is not prepared: %v", cql, prepErr)
			}
		}
		for _, setup := range []string{
			"CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
			"CREATE TABLE t (a int, b int, c int, d text, m map<text, int>, s int static, PRIMARY KEY (a, b, c)) WITH cdc = {'enabled': true}",
			"INSERT INTO t (a, b, c, d, m, s) VALUES (1, 2, 3, 'd', {'x': 1}, 5)",
		} {
			run(setup, nil)
		}
		for _, v := range []*primitive.Value{
			primitive.NewNullValue(), primitive.NewUnsetValue(), primitive.NewValue([]byte{}), primitive.NewValue([]byte{0, 0, 0, 1}),
		} {
			run(cql, v)
		}
	})
}
