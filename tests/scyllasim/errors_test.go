package scyllasim_test

import (
	"errors"
	"testing"

	"github.com/gocql/gocql"
)

func TestErrors_have_the_codes_of_the_protocol(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	exec(t, s, "CREATE TABLE t (a int PRIMARY KEY)")
	for cql, want := range map[string]int{
		"SELEC 1":                            gocql.ErrCodeSyntax,
		"SELECT * FROM t WHERE":              gocql.ErrCodeSyntax,
		"CREATE TABLE u (a int, b int":       gocql.ErrCodeSyntax,
		"SELECT * FROM nothing":              gocql.ErrCodeInvalid,
		"SELECT * FROM nowhere.t":            gocql.ErrCodeInvalid,
		"SELECT max(a) FROM t":               gocql.ErrCodeInvalid,
		"CREATE TABLE t (a int PRIMARY KEY)": gocql.ErrCodeAlreadyExists,
		"DROP KEYSPACE nowhere":              gocql.ErrCodeConfig,
		"CREATE KEYSPACE k WITH replication={'class':'NetworkTopologyStrategy','replication_factor':1} AND tablets={'enabled':false}": gocql.ErrCodeSyntax,
	} {
		var re interface{ GetCode() int }
		if err := s.Query(cql).Exec(); !errors.As(errors.Unwrap(err), &re) || re.GetCode() != want {
			t.Errorf("%s: %v, want code %#x", cql, err, want)
		}
	}
}
