package peers_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order/views"
	"orderflow/ports"
	"orderflow/tests/bench/pace"
	"orderflow/tests/bench/workload"
)

// subscribed are the two ways in which watermill-sql keeps Orderflow's read models.
var subscribed = []struct {
	name string
	best bool
}{
	{"watermill-sql", true},
	{"watermill-sql-documented", false},
}

// service is an order service on watermill-sql: commands, and a subscriber for each read model.
type service struct {
	handle      workload.Handle
	pool        *pgxpool.Pool
	subscribers []*subscriber
}

// startService runs a service until the test ends. shown is called for every change of a view.
func startService(tb testing.TB, best bool, shown pace.ShownFunc) *service {
	tb.Helper()
	tables := []string{eventsTable}
	models := views.All()
	for _, p := range models {
		tables = append(tables, newReadModel(p).tables()...)
	}
	messages, err := subscribedSchema.SchemaInitializingQueries(watermillsql.SchemaInitializingQueriesParams{Topic: eventsTopic})
	if err != nil {
		tb.Fatal(err)
	}
	offsetTables, err := offsets.SchemaInitializingQueries(watermillsql.OffsetsSchemaInitializingQueriesParams{Topic: eventsTopic})
	if err != nil {
		tb.Fatal(err)
	}
	for _, q := range append(messages, offsetTables...) {
		tables = append(tables, q.Query)
	}
	pool := openSchema(tb, tables...)
	// The subscribers do not wait for a connection behind the commands.
	ours := pool.Config()
	ours.MaxConns = int32(len(models)) //nolint:gosec // a few
	subscribing, err := pgxpool.NewWithConfig(tb.Context(), ours)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(subscribing.Close)
	s := &service{pool: pool, handle: handler(publishing{history{pool}})}
	if best {
		s.handle = handler(pipelining{history{pool}})
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(tb.Context()))
	running, ctx := errgroup.WithContext(ctx)
	for _, p := range models {
		subscriber := newSubscriber(subscribing, p, best, shown)
		s.subscribers = append(s.subscribers, subscriber)
		running.Go(func() error { return subscriber.run(ctx) })
	}
	tb.Cleanup(func() {
		stop()
		if err := running.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			tb.Error(err)
		}
	})
	return s
}

// publishing writes events into the table and publishes them in the same transaction, as the
// documentation shows it.
type publishing struct{ history }

func (p publishing) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	err := pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		for _, r := range a.Records {
			args, err := arguments(r)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, insertEvent, args...); err != nil {
				return err
			}
		}
		publisher, err := watermillsql.NewPublisher(watermillsql.TxFromPgx(tx),
			watermillsql.PublisherConfig{SchemaAdapter: subscribedSchema}, watermill.NopLogger{})
		if err != nil {
			return err
		}
		return publisher.Publish(eventsTopic, toMessages(ctx, a.Records)...)
	})
	if err != nil {
		return ports.Appended{}, translate(a, err)
	}
	return ports.Appended{Records: a.Records}, nil
}

// pipelining does the same with watermill's statements, all of them in one round trip.
type pipelining struct{ history }

func (p pipelining) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	batch := &pgx.Batch{}
	for _, r := range a.Records {
		args, err := arguments(r)
		if err != nil {
			return ports.Appended{}, err
		}
		batch.Queue(insertEvent, args...)
	}
	insert, err := subscribedSchema.InsertQuery(watermillsql.InsertQueryParams{Topic: eventsTopic, Msgs: toMessages(ctx, a.Records)})
	if err != nil {
		return ports.Appended{}, err
	}
	batch.Queue(insert.Query, insert.Args...)
	if err := p.pool.SendBatch(ctx, batch).Close(); err != nil {
		return ports.Appended{}, translate(a, err)
	}
	return ports.Appended{Records: a.Records}, nil
}

func toMessages(ctx context.Context, records []eventsourcing.Record) []*message.Message {
	messages := make([]*message.Message, len(records))
	for i, r := range records {
		messages[i] = toMessage(r)
		messages[i].SetContext(ctx)
	}
	return messages
}

func (s *service) check(tb testing.TB) {
	tb.Helper()
	for _, subscriber := range s.subscribers {
		subscriber.check(context.WithoutCancel(tb.Context()), tb, s.pool)
	}
}

func viewNames() (names []string) {
	for _, p := range views.All() {
		names = append(names, p.Name)
	}
	return names
}

// BenchmarkService measures services that keep the same read models as Orderflow, in this process
// and over HTTP. It ignores b.N: run it once.
func BenchmarkService(b *testing.B) {
	for _, system := range subscribed {
		local := &pace.Local{Views: viewNames()}
		s := startService(b, system.best, local.Shown)
		local.Handle = s.handle
		pace.DefaultPlan.Bench(b, "where=process/system="+system.name, local)
		s.check(b)
		remote := startRemote(b, system.name)
		pace.DefaultPlan.Bench(b, "where=http/system="+system.name, remote)
	}
}

// The read models are those of the events, row by row, and each event was handled once.
func TestService_KeepsEveryRow(t *testing.T) {
	t.Parallel()
	for _, system := range subscribed {
		t.Run(system.name, func(t *testing.T) {
			t.Parallel()
			local := &pace.Local{Views: viewNames()}
			s := startService(t, system.best, local.Shown)
			local.Handle = s.handle
			const commands = 3 * pace.AtOnce
			line, err := local.Run(t.Context(), commands, 1000)
			if err != nil || line.Missing() != 0 {
				t.Fatalf("%v, %d effects are missing", err, line.Missing())
			}
			s.check(t)
			for _, subscriber := range s.subscribers {
				if n := subscriber.handled.Load(); n != commands {
					t.Errorf("%s has handled %d events of %d", subscriber.Name, n, commands)
				}
			}
		})
	}
}

// A check that finds nothing is worth nothing.
func TestService_ACheckFindsAWrongRow(t *testing.T) {
	t.Parallel()
	local := &pace.Local{Views: viewNames()}
	s := startService(t, true, local.Shown)
	local.Handle = s.handle
	if _, err := local.Run(t.Context(), 10, 1000); err != nil {
		t.Fatal(err)
	}
	for _, damage := range []string{
		"UPDATE orders_by_status SET total = total + 1", "DELETE FROM orders_by_customer",
	} {
		if _, err := s.pool.Exec(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
	}
	for _, subscriber := range s.subscribers {
		probe := &recorder{TB: t}
		subscriber.check(t.Context(), probe, s.pool)
		if want := subscriber.Name == "orders-by-status" || subscriber.Name == "orders-by-customer"; probe.failed != want {
			t.Errorf("%s: found %v, want %v", subscriber.Name, probe.failed, want)
		}
	}
}

// recorder notes a failure instead of reporting it.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Errorf(string, ...any) { r.failed = true }
