package peers_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/components/forwarder"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// forwarderTopic becomes the table of the outbox. eventsTopic is where the forwarder would send the
// events.
const (
	forwarderTopic = "forwarder_topic"
	eventsTopic    = "order-events"
)

var outboxSchema = watermillsql.DefaultPostgreSQLSchema{}

// outboxed writes events into the table, and publishes them to watermill's outbox in the same
// transaction.
type outboxed struct{ history }

func (o outboxed) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	err := pgx.BeginFunc(ctx, o.pool, func(tx pgx.Tx) error {
		for _, r := range a.Records {
			args, err := arguments(r)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, insertEvent, args...); err != nil {
				return err
			}
		}
		return publish(ctx, tx, a.Records)
	})
	if err != nil {
		return ports.Appended{}, translate(a, err)
	}
	return ports.Appended{Records: a.Records}, nil
}

func publish(ctx context.Context, tx pgx.Tx, records []eventsourcing.Record) error {
	inner, err := watermillsql.NewPublisher(watermillsql.TxFromPgx(tx), watermillsql.PublisherConfig{SchemaAdapter: outboxSchema}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	publisher := forwarder.NewPublisher(inner, forwarder.PublisherConfig{ForwarderTopic: forwarderTopic})
	messages := make([]*message.Message, len(records))
	for i, r := range records {
		messages[i] = toMessage(r)
		messages[i].SetContext(ctx)
	}
	return publisher.Publish(eventsTopic, messages...)
}

func toMessage(r eventsourcing.Record) *message.Message {
	m := message.NewMessage(r.EventID.String(), r.Payload)
	for key, value := range r.Metadata {
		m.Metadata.Set(key, value)
	}
	m.Metadata.Set("aggregate_type", r.AggregateType)
	m.Metadata.Set("aggregate_id", r.AggregateID.String())
	m.Metadata.Set("sequence_number", strconv.FormatUint(r.SequenceNumber, 10))
	m.Metadata.Set("event_type", r.EventType)
	m.Metadata.Set("event_version", strconv.Itoa(r.EventVersion))
	m.Metadata.Set("created_at", r.CreatedAt.Format(time.RFC3339Nano))
	m.Metadata.Set("command_id", r.CommandID.String())
	m.Metadata.Set("correlation_id", r.CorrelationID.String())
	m.Metadata.Set("causation_id", r.CausationID.String())
	return m
}

func openWatermill(tb testing.TB) system {
	tb.Helper()
	tables := []string{eventsTable}
	queries, err := outboxSchema.SchemaInitializingQueries(watermillsql.SchemaInitializingQueriesParams{Topic: forwarderTopic})
	if err != nil {
		tb.Fatal(err)
	}
	for _, q := range queries {
		tables = append(tables, q.Query)
	}
	pool := openSchema(tb, tables...)
	store := outboxed{history{pool}}
	return system{
		handle:    handler(store),
		write:     writer(store),
		hasOutbox: true,
		events: countIn(pool, `SELECT count(*) FROM `+outboxSchema.MessagesTable(forwarderTopic)+
			` WHERE payload->'metadata'->>'aggregate_id' = $1`),
	}
}
