package cdclog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"orderflow/adapters/cdc/cdclog"
	"orderflow/tests/scyllasim"
)

// The streams of a set are kept in memory for as long as the servers remember the set, and no
// longer.
func TestSets_ForgetsWhatTheServersHaveForgotten(t *testing.T) {
	t.Parallel()
	sim, err := scyllasim.Start(scyllasim.Options{Tablets: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	c := gocql.NewCluster(sim.Hosts()...)
	c.Timeout = time.Minute
	session, err := c.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	for _, cql := range []string{
		"CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}",
		"CREATE TABLE shop.outbox (id uuid PRIMARY KEY) WITH cdc = {'enabled': true, 'ttl': 3600}",
	} {
		if err := session.Query(cql).Exec(); err != nil {
			t.Fatal(err)
		}
	}
	log := cdclog.New(cdclog.Config{Session: session, Keyspace: "shop", Table: "outbox", Consistency: gocql.LocalQuorum})
	look := func() (streams []int) {
		now := sim.Now()
		sets, first, err := log.Sets(t.Context(), time.Time{}, now.Add(time.Hour))
		if err != nil || len(sets) == 0 || !sets[0].Start.Equal(first) {
			t.Fatalf("sets %v, the first of %s, %v", sets, first, err)
		}
		for i, set := range sets {
			if set.Err != nil || i > 0 && !sets[i-1].End.Equal(set.Start) {
				t.Errorf("set %+v", set)
			}
			streams = append(streams, len(set.Streams))
		}
		return streams
	}
	sim.Advance(time.Minute)
	for _, tablets := range []int{16, 4, 32} { // two splits and a merge
		sim.ResizeTablets(tablets, 65*time.Second)
		sim.Advance(10 * time.Minute)
		look()
	}
	for _, want := range []string{"[8 16 4 32]", "[16 4 32]", "[4 32]", "[32]"} {
		if got := look(); fmt.Sprint(got) != want || log.Known() != len(got) {
			t.Errorf("sets of %v streams, and %d are kept; want %s", got, log.Known(), want)
		}
		if want == "[8 16 4 32]" {
			sim.Advance(25 * time.Minute) // 35 minutes have passed since the first one ended
		}
		sim.Advance(10 * time.Minute)
	}
}
