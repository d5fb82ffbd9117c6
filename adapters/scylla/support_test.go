package scylla_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/scylla"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/ports/porttest"
	"orderflow/tests/scyllasim"
)

// start runs a simulated cluster for one test.
func start(t testing.TB, o scyllasim.Options) *scyllasim.Sim {
	t.Helper()
	sim, err := scyllasim.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return sim
}

// on returns the configuration of a keyspace of the test's own.
func on(hosts []string) scylla.Config {
	return scylla.Config{
		Hosts:    hosts,
		Keyspace: "t" + strings.ReplaceAll(uuid.NewString(), "-", ""),
		Timeout:  time.Minute,
	}
}

// session connects without a keyspace.
func session(t testing.TB, hosts []string) *gocql.Session {
	t.Helper()
	cluster := gocql.NewCluster(hosts...)
	cluster.Timeout = time.Minute
	cluster.Logger = quiet{}
	cluster.Events.DisableSchemaEvents = true // as the adapter does
	s, err := cluster.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func run(t testing.TB, s *gocql.Session, cql string, args ...any) {
	t.Helper()
	if err := s.Query(cql, args...).Consistency(gocql.LocalQuorum).Exec(); err != nil {
		t.Fatalf("%s: %v", cql, err)
	}
}

// quiet drops the log of the driver.
type quiet struct{}

func (quiet) Print(...any)          {}
func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// prepare applies the schema to a keyspace.
func prepare(t testing.TB, c scylla.Config) scylla.Config {
	t.Helper()
	if _, err := scylla.ApplySchema(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// borrow makes a keyspace on servers that others use, too, with the tables of the views suite. It
// is dropped at the end.
func borrow(t testing.TB, hosts []string) scylla.Config {
	t.Helper()
	c := on(hosts)
	s := session(t, hosts)
	t.Cleanup(func() { run(t, s, "DROP KEYSPACE IF EXISTS "+c.Keyspace) })
	prepare(t, c)
	for _, table := range porttest.Tables() {
		ddl := tableDDL(table)
		run(t, s, strings.Replace(ddl, " "+tableName(table)+" ", " "+c.Keyspace+"."+tableName(table)+" ", 1))
	}
	return c
}

func open(t testing.TB, c scylla.Config) *scylla.Store {
	t.Helper()
	store, err := scylla.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, store) })
	return store
}

func mustClose(t testing.TB, store *scylla.Store) {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// openNew opens a store on a keyspace of its own.
func openNew(t testing.TB, hosts []string) (*scylla.Store, scylla.Config) {
	t.Helper()
	c := prepare(t, on(hosts))
	return open(t, c), c
}

// newID returns an id like those of real aggregates, events and commands.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// command returns the append of a new command with the given number of events.
func command(aggregateID uuid.UUID, expected uint64, events int) ports.Append {
	a := ports.Append{AggregateID: aggregateID, Expected: expected, CommandID: newID()}
	for i := range events {
		a.Records = append(a.Records, eventsourcing.Record{
			Header: eventsourcing.Header{
				AggregateType: "order",
				EventID:       newID(), AggregateID: aggregateID, SequenceNumber: expected + uint64(i) + 1,
				CommandID: a.CommandID, CreatedAt: eventsourcing.Timestamp(time.Now()),
			},
			EventType: "test.happened", EventVersion: 1, Payload: []byte("{}"),
		})
	}
	return a
}

func mustAppend(t testing.TB, store ports.EventStore, a ports.Append) {
	t.Helper()
	if _, err := store.Append(t.Context(), a); err != nil {
		t.Fatal(err)
	}
}

// outbox returns what is in the outbox, the oldest first.
func outbox(t testing.TB, store ports.RecordLister) []eventsourcing.Record {
	t.Helper()
	page, err := store.ListOutbox(context.Background(), "", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	return page.Records
}

// tableDDL returns the statement that creates the table of a projection. The consumer and the
// generation of the view lead the partition key. Then come the partition columns of the table, and
// the bucket and the shard. A later layout has its number in the name.
func tableDDL(table *projection.Table) string {
	columns, partition := []string{"consumer text", "generation int"}, []string{"consumer", "generation"}
	var clustering, order []string
	add := func(name, kind string) { columns = append(columns, name+" "+kind) }
	for i, c := range table.Columns {
		if i == table.PartitionLen() && table.Bucket > 0 {
			partition = append(partition, "bucket")
			add("bucket", "text")
			if table.Shards > 1 {
				partition = append(partition, "shard")
				add("shard", "int")
			}
		}
		add(c.Name, cqlType(c.Kind))
		switch c.Role {
		case projection.Partition:
			partition = append(partition, c.Name)
		case projection.Clustering:
			clustering = append(clustering, c.Name)
			direction := "ASC"
			if c.Descending {
				direction = "DESC"
			}
			order = append(order, c.Name+" "+direction)
		}
	}
	key := strings.Join(append([]string{"(" + strings.Join(partition, ", ") + ")"}, clustering...), ", ")
	ddl := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (\n    %s,\n    PRIMARY KEY (%s)\n)",
		tableName(table), strings.Join(columns, ",\n    "), key)
	if len(order) > 0 {
		ddl += " WITH CLUSTERING ORDER BY (" + strings.Join(order, ", ") + ")"
	}
	return ddl
}

func tableName(table *projection.Table) string {
	if table.Layout > 1 {
		return fmt.Sprintf("%s_%d", table.Name, table.Layout)
	}
	return table.Name
}

func cqlType(kind projection.Kind) string {
	return map[projection.Kind]string{
		projection.Text: "text", projection.BigInt: "bigint", projection.Timestamp: "timestamp", projection.UUID: "uuid",
	}[kind]
}
