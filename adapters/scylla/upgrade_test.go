package scylla_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/scylla"
	"orderflow/ports"
	"orderflow/tests/scylladump"
	"orderflow/tests/scyllasim"
)

// before loads a keyspace that the version before aggregate types wrote.
func before(t *testing.T) (*scyllasim.Sim, scylla.Config, *gocql.Session) {
	t.Helper()
	dump, err := scylladump.Read("../../tests/scylladump/testdata/schema4.json")
	if err != nil {
		t.Fatal(err)
	}
	sim := start(t, scyllasim.Options{})
	config, s := on(sim.Hosts()), session(t, sim.Hosts())
	run(t, s, "CREATE KEYSPACE "+config.Keyspace+" WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}")
	if err := dump.Load(s, config.Keyspace); err != nil {
		t.Fatal(err)
	}
	return sim, config, s
}

// adasOrder is an order in the dump, whose last event is in no outbox.
var adasOrder = uuid.MustParse("01900000-0000-7000-8000-000000000001")

func TestUpgrade_FromBeforeAggregateTypes(t *testing.T) {
	t.Parallel()
	sim, config, _ := before(t)
	if store, err := scylla.Open(t.Context(), config); !errors.Is(err, scylla.ErrSchemaOlder) || !strings.Contains(err.Error(), "005_aggregate_types") {
		t.Fatalf("before the migration: %v, %v; want %v, with its name", store, err, scylla.ErrSchemaOlder)
	}
	status, err := scylla.Status(t.Context(), config)
	if err != nil || len(status.Pending) == 0 || status.Pending[0] != "005_aggregate_types" {
		t.Fatalf("status %+v, %v", status, err)
	}
	prepare(t, config)
	store := open(t, config)

	heads, err := store.ScanHeads(t.Context(), "", 100)
	if err != nil || len(heads.Heads) != 5 {
		t.Fatalf("heads %v, %v; want 5", heads.Heads, err)
	}
	events := uint64(0)
	for _, head := range heads.Heads {
		history, err := store.Load(t.Context(), head.AggregateID, 0)
		if err != nil || head.AggregateType != "order" || head.SequenceNumber != uint64(len(history)) {
			t.Errorf("head %+v of %d events, %v", head, len(history), err)
		}
		for _, r := range history {
			if r.AggregateType != "order" {
				t.Errorf("event %d of %s is of type %q", r.SequenceNumber, r.AggregateID, r.AggregateType)
			}
		}
		events += head.SequenceNumber
	}
	if events != 15 {
		t.Errorf("%d events, want 15", events)
	}

	sim.Advance(15 * time.Second)
	if swept := mustSweep(t, store); swept.Delivered != 1 {
		t.Errorf("swept %+v, want what the version before left behind delivered", swept)
	}
	expectDelivered(t, store, adasOrder)
	for _, r := range outbox(t, store) {
		if r.AggregateType != "order" {
			t.Errorf("event %d of %s is of type %q in the outbox", r.SequenceNumber, r.AggregateID, r.AggregateType)
		}
	}

	parked, err := store.Parked(t.Context(), "a-consumer-of-before", "", 10)
	if err != nil || len(parked.Aggregates) != 1 || parked.Aggregates[0].AggregateType != "" || parked.Aggregates[0].AggregateID != adasOrder {
		t.Errorf("parked %+v, %v", parked.Aggregates, err)
	}
	skips, err := store.Skips(t.Context(), ports.SkipQuery{Consumer: "a-consumer-of-before", Limit: 10})
	if err != nil || len(skips.Skips) != 1 || skips.Skips[0].Reason != "asked for" {
		t.Errorf("skips %+v, %v", skips.Skips, err)
	}
	record, err := store.Consumer(t.Context(), "order-read-model")
	if err != nil || record.Live.Number != 1 {
		t.Errorf("consumer %+v, %v", record, err)
	}

	mustAppend(t, store, command(adasOrder, 2, 1))
	other := command(newID(), 0, 1)
	other.Records[0].AggregateType = "stock-item"
	mustAppend(t, store, other)
	for id, want := range map[uuid.UUID]string{adasOrder: "order", other.AggregateID: "stock-item"} {
		history, err := store.Load(t.Context(), id, 0)
		if err != nil || history[len(history)-1].AggregateType != want {
			t.Errorf("%s: %v, %v, want the type %s", id, history, err, want)
		}
	}
}

// A process of the version before still runs. Its statements name the columns that it knows, and no
// types.
func TestUpgrade_BesideTheVersionBefore(t *testing.T) {
	t.Parallel()
	sim, config, s := before(t)
	prepare(t, config)
	written := sim.QueryCount(config.Keyspace+".event_store", scyllasim.KindLWT)
	store := open(t, config)
	id, r := newID(), command(newID(), 0, 1).Records[0]
	batch := s.Batch(gocql.UnloggedBatch)
	batch.Query("UPDATE "+config.Keyspace+".event_store SET head = ? WHERE aggregate_id = ? IF head = ?", 1, id, nil)
	batch.Query("INSERT INTO "+config.Keyspace+`.event_store (aggregate_id, sequence_number, event_id, event_type, event_version, payload, command_id, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, id, 1, r.EventID, r.EventType, r.EventVersion, string(r.Payload), r.CommandID, r.CreatedAt)
	if applied, iter, err := s.MapExecuteBatchCAS(batch, map[string]any{}); err != nil || !applied || iter.Close() != nil {
		t.Fatalf("applied %t, %v", applied, err)
	}
	mustAppend(t, store, command(id, 1, 1))
	history, err := store.Load(t.Context(), id, 0)
	if err != nil || len(history) != 2 || history[0].AggregateType != "order" || history[1].AggregateType != "order" {
		t.Errorf("history %+v, %v", history, err)
	}
	// And it reads what new processes write.
	var eventType string
	err = s.Query("SELECT event_type FROM "+config.Keyspace+".event_store WHERE aggregate_id = ? AND sequence_number = 2", id).Scan(&eventType)
	if err != nil || eventType != "test.happened" {
		t.Errorf("event type %q, %v", eventType, err)
	}
	if n := sim.QueryCount(config.Keyspace+".event_store", scyllasim.KindLWT) - written; n != 2 {
		t.Errorf("%d conditional writes, want 2", n)
	}
}
