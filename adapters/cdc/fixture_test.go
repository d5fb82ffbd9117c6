package cdc_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/cdc"
	"orderflow/adapters/memory"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
	"orderflow/tests/servers"
)

const createKeyspace = "CREATE KEYSPACE %s WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}"

const createOutbox = `CREATE TABLE %s.outbox_messages (aggregate_id uuid, sequence_number bigint, id uuid, aggregate_type text, event_id uuid, event_type text,
	event_version int, payload text, command_id uuid, correlation_id uuid, causation_id uuid, metadata frozen<map<text,text>>,
	created_at timestamp, PRIMARY KEY (aggregate_id, sequence_number))
	WITH cdc = {'enabled': true, 'preimage': false, 'postimage': %t, 'ttl': 86400} AND default_time_to_live = 86400`

// quiet drops the driver's log.
type quiet struct{}

func (quiet) Print(...any)          {}
func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// server is a keyspace with an outbox.
type server struct {
	sim      *scyllasim.Sim // nil for a real server
	session  *gocql.Session
	keyspace string
}

func connect(tb testing.TB, hosts ...string) *gocql.Session {
	tb.Helper()
	c := gocql.NewCluster(hosts...)
	c.Consistency = gocql.LocalQuorum
	c.Timeout = time.Minute
	c.DefaultTimestamp = false
	c.Logger = quiet{}
	// the driver's handling of them has a data race when connections are lost
	c.Events.DisableSchemaEvents = true
	session, err := c.CreateSession()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(session.Close)
	return session
}

// simulated starts a simulated cluster with an outbox.
func simulated(tb testing.TB, o scyllasim.Options, postimage bool) server {
	tb.Helper()
	sim, err := scyllasim.Start(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(sim.Close)
	s := server{sim: sim, session: connect(tb, sim.Hosts()[0]), keyspace: "orderflow"}
	s.exec(tb, fmt.Sprintf(createKeyspace, s.keyspace))
	s.exec(tb, fmt.Sprintf(createOutbox, s.keyspace, postimage))
	return s
}

// real creates a keyspace on real servers and drops it afterwards. Versions that have tablets, but
// no CDC with them, need vnodes. Older versions do not know the option.
func real(tb testing.TB) server {
	tb.Helper()
	s := server{session: connect(tb, servers.Scylla(tb)...), keyspace: "cdc_" + strings.ReplaceAll(uuid.NewString(), "-", "")}
	create := fmt.Sprintf(createKeyspace, s.keyspace)
	if err := s.session.Query(create + " AND tablets = {'enabled': false}").Exec(); err != nil {
		s.exec(tb, create)
	}
	tb.Cleanup(func() { s.exec(tb, "DROP KEYSPACE "+s.keyspace) })
	s.exec(tb, fmt.Sprintf(createOutbox, s.keyspace, false))
	return s
}

func (s server) exec(tb testing.TB, cql string, args ...any) {
	tb.Helper()
	if err := s.session.Query(cql, args...).Exec(); err != nil {
		tb.Fatalf("%s: %v", cql, err)
	}
}

// config returns a configuration with hundredths of seconds in place of tens of seconds.
func (s server) config(offsets cdc.Offsets) cdc.Config {
	return cdc.Config{
		Session: s.session, Keyspace: s.keyspace, Offsets: offsets,
		FastDelay: 2 * time.Millisecond, FastIdleDelay: 20 * time.Millisecond,
		Confidence: 300 * time.Millisecond, SafeDelay: 50 * time.Millisecond,
		Stale: time.Minute, Fresh: time.Minute, GenerationDelay: 100 * time.Millisecond, SaveEvery: 20 * time.Millisecond, Patience: 2 * time.Second,
	}
}

// offsets keeps offsets in memory, like a table of the store.
type offsets struct {
	mu    sync.Mutex
	saved map[string]map[string]uuid.UUID
	// err makes every call fail.
	err error
}

func newOffsets() *offsets { return &offsets{saved: map[string]map[string]uuid.UUID{}} }

func (o *offsets) LoadOffsets(_ context.Context, consumer string) (map[string]uuid.UUID, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.saved[consumer]), o.err
}

func (o *offsets) SaveOffsets(_ context.Context, consumer string, offsets map[string]uuid.UUID) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		if o.saved[consumer] == nil {
			o.saved[consumer] = map[string]uuid.UUID{}
		}
		maps.Copy(o.saved[consumer], offsets)
	}
	return o.err
}

// fail makes every call fail, until it gets nil.
func (o *offsets) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

func (o *offsets) forget(consumer string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.saved, consumer)
}

func (o *offsets) at(consumer string) time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return gocql.UUID(o.saved[consumer][cdc.WholeLog]).Time()
}

// run starts a feed that ends with the test.
func run(tb testing.TB, config cdc.Config) *cdc.Feed {
	tb.Helper()
	if testing.Verbose() && config.Logger == nil {
		config.Logger = slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	feed, err := cdc.Open(tb.Context(), config)
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- feed.Run(context.Background()) }()
	tb.Cleanup(func() {
		if err := feed.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
		if err := <-done; err != nil {
			tb.Errorf("run: %v", err)
		}
	})
	return feed
}

// store does what the append protocol does after its commit point. The events are in the event
// store, here one in memory, and then in the outbox, without isolation between the two.
type store struct {
	*memory.Store
	server
	// appended is called after an append.
	appended func()
}

func (s store) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	appended, err := s.Store.Append(ctx, a)
	if err != nil || appended.Duplicate {
		return appended, err
	}
	batch := s.session.Batch(gocql.UnloggedBatch).WithContext(ctx)
	for _, r := range appended.Records {
		batch.Query("INSERT INTO "+s.keyspace+`.outbox_messages (aggregate_id, sequence_number, id, aggregate_type, event_id, event_type, event_version, payload,
			command_id, correlation_id, causation_id, metadata, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			gocql.UUID(r.AggregateID), int64(r.SequenceNumber), gocql.UUID(r.EventID), r.AggregateType, gocql.UUID(r.EventID), r.EventType, r.EventVersion,
			string(r.Payload), gocql.UUID(r.CommandID), orUnset(r.CorrelationID), orUnset(r.CausationID), metadata(r.Metadata), r.CreatedAt)
	}
	if err := s.session.ExecuteBatch(batch); err != nil {
		return ports.Appended{}, fmt.Errorf("%w: %w", ports.ErrOutcomeUnknown, err)
	}
	s.appended()
	return appended, nil
}

// Beat does what the store does for a heartbeat.
func (s store) Beat(ctx context.Context, at time.Time) error { return s.beat(ctx, at) }

// beat writes the row of a heartbeat, each to another partition.
func (s server) beat(ctx context.Context, at time.Time) error {
	id := gocql.UUID{0: 0xbe, 6: 0x80, 8: 0x80, 15: byte(at.UnixMilli())}
	return s.session.Query("UPDATE "+s.keyspace+`.outbox_messages USING TTL 60 SET event_type = 'orderflow.heartbeat', created_at = ?
		WHERE aggregate_id = ? AND sequence_number = 0`, at, id).WithContext(ctx).Exec()
}

// orUnset binds no null, because a null would cost a second row of the log.
func orUnset(id uuid.UUID) any {
	if id == uuid.Nil {
		return gocql.UnsetValue
	}
	return gocql.UUID(id)
}

func metadata(m map[string]string) any {
	if len(m) == 0 {
		return gocql.UnsetValue
	}
	return m
}
