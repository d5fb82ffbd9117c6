package cdc_test

import (
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/cdc"
	"orderflow/adapters/scylla"
	"orderflow/ports"
	"orderflow/tests/scylladump"
	"orderflow/tests/scyllasim"
)

// The log has rows of the version before there were aggregate types, and a consumer was away in the
// meantime. They are events of orders, and so are rows that a process of that version still writes.
func TestFeed_ReadsRowsFromBeforeAggregateTypes(t *testing.T) {
	t.Parallel()
	sim, err := scyllasim.Start(scyllasim.Options{GenerationAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	s := server{sim: sim, session: connect(t, sim.Hosts()[0]), keyspace: "orderflow"}
	s.exec(t, "CREATE KEYSPACE orderflow WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}")
	dump, err := scylladump.Read("../../tests/scylladump/testdata/schema4.json")
	if err != nil {
		t.Fatal(err)
	}
	away := gocql.MinTimeUUID(time.Now().Add(-time.Minute))
	if err := dump.Load(s.session, s.keyspace); err != nil {
		t.Fatal(err)
	}
	if _, err := scylla.ApplySchema(t.Context(), scylla.Config{Hosts: sim.Hosts(), Keyspace: s.keyspace, Timeout: time.Minute}); err != nil {
		t.Fatal(err)
	}
	saved := newOffsets()
	if err := saved.SaveOffsets(t.Context(), "a", map[string]uuid.UUID{cdc.WholeLog: uuid.UUID(away)}); err != nil {
		t.Fatal(err)
	}
	r := &reader{TB: t, server: s, feed: run(t, s.config(saved)), id: uuid.New()}
	r.subscribe()
	record := func() ports.Delivery { // the dump also contains a heartbeat
		for {
			if d := r.next(); d.Beat.IsZero() {
				return d
			}
		}
	}
	const inTheOutbox = 14
	for range inTheOutbox {
		if d := record(); d.Record.AggregateType != "order" || d.Record.SequenceNumber == 0 {
			t.Errorf("event %d of %s is of type %q", d.Record.SequenceNumber, d.Record.AggregateID, d.Record.AggregateType)
		}
	}
	r.put(1) // like the version before
	if d := record(); d.Record.AggregateID != r.id || d.Record.AggregateType != "order" {
		t.Errorf("an event without a type is of type %q", d.Record.AggregateType)
	}
}
