package scylladump_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gocql/gocql"
	gocmp "github.com/google/go-cmp/cmp"

	"orderflow/tests/scylladump"
	"orderflow/tests/scyllasim"
)

// What is loaded and taken again is the same.
func TestDump_ComesBack(t *testing.T) {
	t.Parallel()
	sim, err := scyllasim.Start(scyllasim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	cluster := gocql.NewCluster(sim.Hosts()...)
	cluster.Timeout, cluster.DefaultTimestamp, cluster.Events.DisableSchemaEvents = time.Minute, false, true
	session, err := cluster.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	if err := session.Query("CREATE KEYSPACE k WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}").Exec(); err != nil {
		t.Fatal(err)
	}
	want, err := scylladump.Read("testdata/schema4.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := want.Load(session, "k"); err != nil {
		t.Fatal(err)
	}
	got, err := scylladump.Take(session, "k", want.Schema)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(inOrder(want), inOrder(got)); diff != "" {
		t.Errorf("a dump (-before +after it was loaded):\n%s", diff)
	}
}

// inOrder returns a dump whose tables and rows are sorted, and whose values are text.
func inOrder(d scylladump.Dump) []string {
	var rows []string
	for _, table := range d.Tables {
		for _, row := range table.Rows {
			rows = append(rows, fmt.Sprint(table.Name, " ", row.Timestamp, " ", row.Values))
		}
	}
	slices.SortFunc(rows, cmp.Compare[string])
	return rows
}
