package peers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// postgresVariable names the environment variable with the server to use, in the form that pgx
// understands.
const postgresVariable = "PEERS_POSTGRES"

// connections is the size of the pool. On a few cores, one connection for each of 64 writers is
// slower.
const connections = 16

const eventsTable = `
	CREATE TABLE events (
		aggregate_type  text        NOT NULL,
		aggregate_id    uuid        NOT NULL,
		sequence_number bigint      NOT NULL,
		event_id        uuid        NOT NULL,
		event_type      text        NOT NULL,
		event_version   int         NOT NULL,
		payload         bytea       NOT NULL,
		command_id      uuid        NOT NULL,
		correlation_id  uuid        NOT NULL,
		causation_id    uuid        NOT NULL,
		metadata        json        NOT NULL,
		created_at      timestamptz NOT NULL,
		PRIMARY KEY (aggregate_id, sequence_number)
	)`

const outboxTable = `
	CREATE TABLE outbox (
		position        bigserial   PRIMARY KEY,
		aggregate_type  text        NOT NULL,
		aggregate_id    uuid        NOT NULL,
		sequence_number bigint      NOT NULL,
		event_id        uuid        NOT NULL,
		event_type      text        NOT NULL,
		event_version   int         NOT NULL,
		payload         bytea       NOT NULL,
		command_id      uuid        NOT NULL,
		correlation_id  uuid        NOT NULL,
		causation_id    uuid        NOT NULL,
		metadata        json        NOT NULL,
		created_at      timestamptz NOT NULL
	)`

const (
	columns = `aggregate_type, aggregate_id, sequence_number, event_id, event_type, event_version, payload,
		command_id, correlation_id, causation_id, metadata, created_at`
	values = ` VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

	insertEvent  = `INSERT INTO events (` + columns + `)` + values
	insertOutbox = `INSERT INTO outbox (` + columns + `)` + values
	selectEvents = `SELECT ` + columns + ` FROM events WHERE aggregate_id = $1 AND sequence_number > $2 ORDER BY sequence_number`
)

func arguments(r eventsourcing.Record) ([]any, error) {
	metadata, err := json.Marshal(r.Metadata)
	return []any{
		r.AggregateType, r.AggregateID, r.SequenceNumber, r.EventID, r.EventType, r.EventVersion, r.Payload,
		r.CommandID, r.CorrelationID, r.CausationID, metadata, r.CreatedAt,
	}, err
}

// history is the table of events.
type history struct{ pool *pgxpool.Pool }

func (h history) Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	rows, err := h.pool.Query(ctx, selectEvents, aggregateID, after)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanRecord)
}

// scanRecord reads a row of columns.
func scanRecord(row pgx.CollectableRow) (r eventsourcing.Record, err error) {
	err = row.Scan(&r.AggregateType, &r.AggregateID, &r.SequenceNumber, &r.EventID, &r.EventType, &r.EventVersion, &r.Payload,
		&r.CommandID, &r.CorrelationID, &r.CausationID, &r.Metadata, &r.CreatedAt)
	r.CreatedAt = r.CreatedAt.UTC()
	return r, err
}

// translate distinguishes a lost race from other errors.
func translate(a ports.Append, err error) error {
	const uniqueViolation = "23505"
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) && refused.Code == uniqueViolation {
		return &ports.VersionConflictError{AggregateID: a.AggregateID, Expected: a.Expected}
	}
	return err
}

// plain writes events and outbox in one transaction.
type plain struct{ history }

// Append sends everything at once. The statements of a batch are one transaction, because no
// transaction is open.
func (p plain) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	batch := &pgx.Batch{}
	for _, r := range a.Records {
		args, err := arguments(r)
		if err != nil {
			return ports.Appended{}, err
		}
		batch.Queue(insertEvent, args...)
		batch.Queue(insertOutbox, args...)
	}
	if err := p.pool.SendBatch(ctx, batch).Close(); err != nil {
		return ports.Appended{}, translate(a, err)
	}
	return ports.Appended{Records: a.Records}, nil
}

func openPostgres(tb testing.TB) system {
	tb.Helper()
	pool := openSchema(tb, eventsTable, outboxTable)
	store := plain{history{pool}}
	return system{
		handle:    handler(store),
		write:     writer(store),
		hasOutbox: true,
		events:    countIn(pool, `SELECT count(*) FROM outbox WHERE aggregate_id::text = $1`),
	}
}

func countIn(pool *pgxpool.Pool, countOutbox string) func(testing.TB, string) (int, int) {
	return func(tb testing.TB, orderID string) (stored, outbox int) {
		tb.Helper()
		for query, into := range map[string]*int{`SELECT count(*) FROM events WHERE aggregate_id::text = $1`: &stored, countOutbox: &outbox} {
			if err := pool.QueryRow(tb.Context(), query, orderID).Scan(into); err != nil {
				tb.Fatal(err)
			}
		}
		return stored, outbox
	}
}

// openSchema creates a schema with its own tables and returns a pool. It drops the schema at the
// end.
func openSchema(tb testing.TB, tables ...string) *pgxpool.Pool {
	tb.Helper()
	address := os.Getenv(postgresVariable)
	if address == "" {
		tb.Skipf("%s names no server", postgresVariable)
	}
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		tb.Fatal(err)
	}
	schema := fmt.Sprintf("peer_%x", uuid.New())
	config.MaxConns = connections
	config.ConnConfig.RuntimeParams["search_path"] = schema
	pool, err := pgxpool.NewWithConfig(tb.Context(), config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	exec := func(statement string) {
		tb.Helper()
		if _, err := pool.Exec(context.WithoutCancel(tb.Context()), statement); err != nil {
			tb.Fatalf("%s: %v", statement, err)
		}
	}
	exec("CREATE SCHEMA " + schema)
	tb.Cleanup(func() { exec("DROP SCHEMA " + schema + " CASCADE") })
	for _, table := range tables {
		exec(table)
	}
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		var got string
		if err := pool.QueryRow(tb.Context(), "SHOW "+setting).Scan(&got); err != nil || got != "on" {
			tb.Fatalf("%s is %q, %v; want it on", setting, got, err)
		}
	}
	return pool
}
