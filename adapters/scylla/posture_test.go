package scylla_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gocql/gocql"

	"orderflow/adapters/scylla"
	"orderflow/tests/scyllasim"
)

func codes(p scylla.Posture) (codes []string) {
	for _, f := range p.Findings {
		codes = append(codes, f.Code)
	}
	return codes
}

// What `schema apply` makes of a server has nothing to complain about.
func TestPosture_OfWhatApplyMakes(t *testing.T) {
	t.Parallel()
	for _, o := range []scyllasim.Options{
		{},
		{Version: "4.6.1"},
		{Version: "2026.2.0"},
		{Tablets: true, Version: "6.2.3"},
		{Tablets: true, Version: "2025.4.0"},
		{Tablets: true, Version: "2026.2.0"},
	} {
		o.Nodes = 3
		sim := start(t, o)
		config := on(sim.Hosts())
		config.ReplicationFactor = 3
		prepare(t, config)
		store := open(t, config)
		found, err := store.Posture(t.Context())
		if err != nil || len(found.Findings) > 0 {
			t.Errorf("%+v: %v, %v", o, found.Findings, err)
		}
		tablets := o.Tablets && !strings.HasPrefix(o.Version, "6")
		streams := map[bool]int{false: 24, true: 16}[tablets]
		if found.Tablets != tablets || found.Streams != streams || found.LogTTL.Hours() != 24 {
			t.Errorf("%+v: %+v, want %d streams", o, found, streams)
		}
	}
}

// Each finding comes with the statement that mends it.
func TestPosture_MendsWhatItFinds(t *testing.T) {
	t.Parallel()
	const outbox = "ALTER TABLE %s.outbox_messages WITH "
	tests := map[string]struct {
		spoil string
		code  string
		fatal bool
	}{
		"no log":         {outbox + "cdc = {'enabled': false}", "cdc-off", true},
		"only keys":      {outbox + "cdc = {'enabled': true, 'delta': 'keys'}", "cdc-delta", true},
		"images":         {outbox + "cdc = {'enabled': true, 'postimage': true}", "cdc-images", false},
		"short log":      {outbox + "cdc = {'enabled': true, 'ttl': 3600}", "cdc-ttl-short", false},
		"no expiry":      {outbox + "default_time_to_live = 0", "outbox-ttl", false},
		"kept by time":   {outbox + "tombstone_gc = {'mode': 'timeout'}", "tombstones-outbox_messages", false},
		"kept to repair": {"ALTER TABLE %s.append_intents WITH tombstone_gc = {'mode': 'repair'}", "tombstones-append_intents", false},
		"notes kept":     {"ALTER TABLE %s.view_buckets WITH tombstone_gc = {'mode': 'repair'}", "tombstones-view_buckets", false},
		"rows come back": {"ALTER TABLE %s.parked_events WITH tombstone_gc = {'mode': 'immediate'}", "tombstones-parked_events", false},
		"kept for ever":  {"ALTER TABLE %s.orders_by_sku_2 WITH tombstone_gc = {'mode': 'disabled'}", "tombstones-orders_by_sku_2", false},
		"one copy":       {"ALTER KEYSPACE %s WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}", "replication-low", false},
		"free tablets":   {outbox + "tablets = {'expected_data_size_in_gb': 10}", "tablets-not-fixed", false},
		"many tablets":   {outbox + "tablets = {'min_tablet_count': 256}", "streams-many", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := start(t, scyllasim.Options{Nodes: 3, Tablets: true, Version: "2026.2.0"})
			config := on(sim.Hosts())
			config.ReplicationFactor = 3
			prepare(t, config)
			store := open(t, config)
			s := session(t, sim.Hosts())
			run(t, s, fmt.Sprintf(tt.spoil, config.Keyspace))
			found, err := store.Posture(t.Context())
			if err != nil || !slices.Equal(codes(found), []string{tt.code}) {
				t.Fatalf("found %v, %v; want %s", codes(found), err, tt.code)
			}
			if got := found.Err() != nil; got != tt.fatal {
				t.Errorf("%v: it is fatal: %t", found.Findings, got)
			}
			status, err := scylla.Status(t.Context(), config)
			if err != nil || errors.Is(status.Check(), scylla.ErrSchemaUnfit) != tt.fatal {
				t.Errorf("status: %v, %v", status.Check(), err)
			}
			run(t, s, found.Findings[0].Mend)
			if found, err = store.Posture(t.Context()); err != nil || len(found.Findings) > 0 {
				t.Errorf("after %s: %v, %v", found.Findings, found, err)
			}
		})
	}
}

// A keyspace that somebody has made, and that cannot work, is refused. Nothing is made in it.
func TestApplySchema_RefusesAKeyspaceThatCannotWork(t *testing.T) {
	t.Parallel()
	const create = "CREATE KEYSPACE %s WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}"
	for code, tt := range map[string]struct {
		options scyllasim.Options
		create  string
	}{
		"strongly-consistent": {scyllasim.Options{Tablets: true, Version: "2026.2.0"}, create + " AND consistency = 'local'"},
		"tablets-too-early":   {scyllasim.Options{Tablets: true, Version: "6.2.3"}, create},
	} {
		sim := start(t, tt.options)
		config := on(sim.Hosts())
		s := session(t, sim.Hosts())
		run(t, s, fmt.Sprintf(tt.create, config.Keyspace))
		_, err := scylla.ApplySchema(t.Context(), config)
		if !errors.Is(err, scylla.ErrSchemaUnfit) || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", code, err)
		}
		var tables int
		if err := s.Query("SELECT COUNT(*) FROM system_schema.tables WHERE keyspace_name = ?", config.Keyspace).Scan(&tables); err != nil || tables > 0 {
			t.Errorf("%s: %d tables were made, %v", code, tables, err)
		}
	}
}

// With tablets, the first conditional write of a table makes another table. `schema apply` has done
// that for all of them, so no request of a customer does.
func TestApplySchema_MakesTheFirstConditionalWrites(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{Tablets: true})
	store, config := openNew(t, sim.Hosts())
	s := session(t, sim.Hosts())
	state := func() (tables []string) {
		iter := s.Query("SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?", config.Keyspace).Iter()
		for name := ""; iter.Scan(&name); {
			if base, ok := strings.CutSuffix(name, "$paxos"); ok {
				tables = append(tables, base)
			}
		}
		if err := iter.Close(); err != nil {
			t.Fatal(err)
		}
		return tables
	}
	before := state()
	for _, cql := range conditional(t) {
		name := tableIn.FindStringSubmatch(cql)[1]
		if !slices.Contains(before, name) {
			t.Errorf("the first conditional write of %s is not made by `schema apply`: %s", name, cql)
		}
	}
	mustAppend(t, store, command(newID(), 0, 1))
	if after := state(); !slices.Equal(before, after) {
		t.Errorf("tables with a state before the first request: %v; after it: %v", before, after)
	}
	var rows int
	if err := s.Query("SELECT COUNT(*) FROM "+config.Keyspace+".event_store WHERE aggregate_id = ?", gocql.UUID{}).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows were written, %v", rows, err)
	}
}
