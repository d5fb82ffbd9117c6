package scyllasim_test

import (
	"testing"

	"github.com/gocql/gocql"
	"github.com/google/go-cmp/cmp"

	"orderflow/tests/scyllasim"
)

// The order of the type uuid is by version, then by time for version 1, and then by bytes.
func TestSelect_OrdersUUIDs(t *testing.T) {
	t.Parallel()
	_, s := setup(t, scyllasim.Options{})
	want := []string{
		"ffffffff-0000-1000-8000-000000000000",
		"00000000-0001-1000-8000-000000000000",
		"00000000-0001-1000-8000-000000000001",
		"00000000-0001-1000-bfff-000000000000",
		"0f000000-0000-4000-8000-000000000000",
		"f0000000-0000-4000-8000-000000000000",
		"01900000-0000-7000-8000-000000000000",
		"01900000-0000-7000-a000-000000000000",
	}
	exec(t, s, "CREATE KEYSPACE ordered WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}")
	exec(t, s, "CREATE TABLE ordered.t (p int, id uuid, PRIMARY KEY (p, id))")
	for i := range want {
		exec(t, s, "INSERT INTO ordered.t (p, id) VALUES (1, "+want[(i*3)%len(want)]+")")
	}
	var got []string
	iter := s.Query("SELECT id FROM ordered.t WHERE p = 1").Iter()
	for id := (gocql.UUID{}); iter.Scan(&id); {
		got = append(got, id.String())
	}
	if err := iter.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
