package scyllasim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow/tests/scyllasim"
)

// A table option that a version does not know is an error there.
func TestOptions_depend_on_the_version(t *testing.T) {
	t.Parallel()
	const gc, least, most = "tombstone_gc = {'mode': 'immediate'}", "tablets = {'min_tablet_count': 16}",
		"tablets = {'min_tablet_count': 16, 'max_tablet_count': 16}"
	for version, known := range map[string][]string{
		"4.6.0": nil, "2021.1.5": nil, "5.1.18": {gc}, "2022.2.1": {gc}, "6.2.3": {gc},
		"2025.3.1": {gc}, "2025.4.0": {gc, least}, "2026.2.1": {gc, least, most},
	} {
		sim := start(t, scyllasim.Options{Version: version, Tablets: strings.HasPrefix(version, "202") && version > "2024"})
		s := connect(t, cluster(sim))
		exec(t, s, "CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}")
		exec(t, s, "CREATE TABLE shop.t (a int PRIMARY KEY)")
		for _, option := range []string{gc, least, most} {
			err := s.Query("ALTER TABLE shop.t WITH " + option).Exec()
			if want := slices.Contains(known, option); want != (err == nil) {
				t.Errorf("%s: %s: %v; want it to be known: %t", version, option, err, want)
			}
		}
	}
}

// The default of tombstone_gc is to keep tombstones until a repair, on some servers.
func TestOptions_default_of_tombstone_gc(t *testing.T) {
	t.Parallel()
	for want, o := range map[bool][]scyllasim.Options{
		false: {{}, {Version: "2026.1.2"}, {Version: "2025.4.0", Tablets: true}},
		true:  {{Version: "2026.2.0"}, {Version: "2025.4.0", Tablets: true, Nodes: 3}},
	} {
		for _, o := range o {
			sim := start(t, o)
			s := connect(t, cluster(sim))
			exec(t, s, fmt.Sprintf("CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': %d}", max(o.Nodes, 1)))
			exec(t, s, "CREATE TABLE shop.t (a int PRIMARY KEY)")
			extensions := map[string][]byte{}
			if err := s.Query("SELECT extensions FROM system_schema.tables WHERE keyspace_name = 'shop' AND table_name = 't'").Scan(&extensions); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(string(extensions["tombstone_gc"]), "repair"); got != want {
				t.Errorf("%+v: %q; want repair: %t", o, extensions["tombstone_gc"], want)
			}
		}
	}
}

// With tablets, the first conditional write of a table makes a table.
func TestTablets_first_conditional_write_changes_the_schema(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{Tablets: true, Nodes: 3})
	s := connect(t, cluster(sim))
	exec(t, s, createKeyspace) // one copy
	exec(t, s, "CREATE TABLE shop.t (a int PRIMARY KEY, b int)")
	exec(t, s, "CREATE TABLE shop.u (a int PRIMARY KEY, b int)")
	write := func(table string) error {
		return s.Query("UPDATE shop." + table + " SET b = 1 WHERE a = 1 IF b = 2").Exec()
	}
	if err := write("t"); err != nil {
		t.Fatal(err)
	}
	tables := rows(t, s.Query("SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'shop'"))
	if !slices.Contains(tables, "t$paxos") || slices.Contains(tables, "u$paxos") {
		t.Errorf("tables: %v", tables)
	}
}

// A new number of tablets is a new stream set. Sets that ended before what the log keeps are
// forgotten.
func TestTablets_split_merge_and_collection(t *testing.T) {
	t.Parallel()
	sim, s := setup(t, scyllasim.Options{Tablets: true})
	exec(t, s, createKeyspace)
	exec(t, s, createOutbox)
	sets := func() (sizes []int) {
		iter := s.Query("SELECT timestamp FROM system.cdc_timestamps WHERE keyspace_name = 'shop' AND table_name = 'outbox_messages'").Iter()
		for at := (time.Time{}); iter.Scan(&at); {
			var n int
			if err := s.Query("SELECT COUNT(*) FROM system.cdc_streams WHERE keyspace_name = 'shop' AND table_name = 'outbox_messages' AND timestamp = ? AND stream_state = 0", at).Scan(&n); err != nil {
				t.Fatal(err)
			}
			sizes = append([]int{n}, sizes...)
		}
		if err := iter.Close(); err != nil {
			t.Fatal(err)
		}
		return sizes
	}
	sim.Advance(time.Minute)
	sim.ResizeTablets(16, 65*time.Second)
	sim.ResizeTablets(4, 2*time.Minute)
	if got := sets(); !slices.Equal(got, []int{8, 16, 4}) {
		t.Errorf("sets of %v streams", got)
	}
	sim.Advance(24*time.Hour + 90*time.Second)
	if got := sets(); !slices.Equal(got, []int{16, 4}) {
		t.Errorf("a day after the first set ended: sets of %v streams", got)
	}
	sim.Advance(time.Hour)
	if got := sets(); !slices.Equal(got, []int{4}) {
		t.Errorf("later: sets of %v streams", got)
	}
}

// How many partitions a query may name changes while the server runs.
func TestLimitKeys(t *testing.T) {
	t.Parallel()
	sim, s := setup(t, scyllasim.Options{})
	exec(t, s, createKeyspace)
	exec(t, s, "CREATE TABLE shop.t (a int PRIMARY KEY)")
	keys := make([]int, 101)
	for i := range keys {
		keys[i] = i
	}
	ask := func(n int) error { return s.Query("SELECT a FROM shop.t WHERE a IN ?", keys[:n]).Exec() }
	if err := ask(100); err != nil {
		t.Error(err)
	}
	if err := ask(101); err == nil {
		t.Error("101 partitions in one query")
	}
	sim.LimitKeys(10)
	if err := ask(11); err == nil {
		t.Error("11 partitions with a limit of 10")
	}
	if err := ask(10); err != nil {
		t.Error(err)
	}
}
