package peers_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/tests/bench/pace"
)

const (
	// pollInterval is how long a subscriber waits when there is no message.
	pollInterval = 10 * time.Millisecond
	// mostAtOnce is how many messages a subscriber reads at once.
	mostAtOnce = 1000
	// keptStates bounds the states that a subscriber keeps in memory, where it keeps any.
	keptStates = 20_000
)

var (
	subscribedSchema = watermillsql.DefaultPostgreSQLSchema{SubscribeBatchSize: mostAtOnce}
	offsets          = watermillsql.DefaultPostgreSQLOffsetsAdapter{}
)

// subscriber is one of the consumers: it keeps one read model, in the transactions of
// watermill-sql's subscriber, which also store its offset.
type subscriber struct {
	*readModel
	pool *pgxpool.Pool
	// pipelined makes the statements of a transaction go to the server together with its end, and
	// keeps states in memory.
	pipelined bool
	shown     pace.ShownFunc

	codec   ports.Decoder
	states  map[uuid.UUID]viewState
	handled atomic.Int64
}

func newSubscriber(pool *pgxpool.Pool, p *projection.Projection, pipelined bool, shown pace.ShownFunc) *subscriber {
	return &subscriber{
		readModel: newReadModel(p), pool: pool, pipelined: pipelined, shown: shown, codec: orderjson.NewMux(), states: map[uuid.UUID]viewState{},
	}
}

// run consumes until ctx ends.
func (s *subscriber) run(ctx context.Context) error {
	subscription, err := watermillsql.NewSubscriber(beginner{s}, watermillsql.SubscriberConfig{
		ConsumerGroup: s.Name, PollInterval: pollInterval, SchemaAdapter: subscribedSchema, OffsetsAdapter: offsets,
	}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	// It is closed and not cancelled: what is in progress ends in order.
	messages, err := subscription.Subscribe(context.WithoutCancel(ctx), eventsTopic)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = subscription.Close() })() // it returns no error
	for m := range messages {
		if err := s.handle(m); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", s.Name, err), subscription.Close())
		}
		m.Ack()
	}
	return subscription.Close()
}

func (s *subscriber) handle(m *message.Message) error {
	ctx := m.Context()
	found, ok := watermillsql.TxFromContext(ctx)
	tx, ours := found.(*transaction)
	if !ok || !ours {
		return errors.New("the message has no transaction")
	}
	record, err := fromMessage(m)
	if err != nil {
		return err
	}
	event, err := s.codec.Decode(record)
	if err != nil {
		return err
	}
	state, err := s.state(ctx, tx, event)
	if err != nil {
		return err
	}
	if event.SequenceNumber != state.sequence+1 {
		return fmt.Errorf("event %d of %s follows event %d", event.SequenceNumber, event.AggregateID, state.sequence)
	}
	statements, next, err := s.step(state, event)
	if err != nil {
		return err
	}
	for _, q := range statements {
		if _, err := tx.ExecContext(ctx, q.sql, q.args...); err != nil {
			return err
		}
	}
	if s.pipelined {
		if len(s.states) >= keptStates {
			clear(s.states) // those of this transaction are in tx
		}
		s.states[event.AggregateID] = next
	}
	tx.changed = append(tx.changed, change{event.AggregateID, event.SequenceNumber})
	return nil
}

// state returns the state of an order. The first event needs none. It is read in the transaction,
// unless it is in memory.
func (s *subscriber) state(ctx context.Context, tx *transaction, event projection.Event) (state viewState, err error) {
	if kept, ok := s.states[event.AggregateID]; ok || event.SequenceNumber == 1 {
		return kept, nil
	}
	if err := tx.flush(ctx); err != nil {
		return state, err
	}
	var sequence int64
	err = tx.QueryRow(ctx, s.getState, event.AggregateID).Scan(&sequence, &state.data)
	state.sequence = uint64(sequence) //nolint:gosec // it is not negative
	return state, err
}

func fromMessage(m *message.Message) (r eventsourcing.Record, err error) {
	var errs []error
	id := func(key string) uuid.UUID {
		id, err := uuid.Parse(m.Metadata.Get(key))
		errs = append(errs, err)
		return id
	}
	number := func(key string) uint64 {
		n, err := strconv.ParseUint(m.Metadata.Get(key), 10, 64)
		errs = append(errs, err)
		return n
	}
	r.EventID, err = uuid.Parse(m.UUID)
	r.AggregateType, r.AggregateID, r.SequenceNumber = m.Metadata.Get("aggregate_type"), id("aggregate_id"), number("sequence_number")
	r.CommandID, r.CorrelationID, r.CausationID = id("command_id"), id("correlation_id"), id("causation_id")
	r.EventType, r.EventVersion, r.Payload = m.Metadata.Get("event_type"), int(number("event_version")), m.Payload //nolint:gosec // small
	created, parseErr := time.Parse(time.RFC3339Nano, m.Metadata.Get("created_at"))
	r.CreatedAt = created
	return r, errors.Join(append(errs, err, parseErr)...)
}

// beginner begins the transactions of a subscriber.
type beginner struct{ *subscriber }

// BeginTx implements watermillsql.Beginner. The isolation level is the one that the schema wants.
func (b beginner) BeginTx(ctx context.Context, _ *sql.TxOptions) (watermillsql.Tx, error) {
	connection, err := b.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	t := &transaction{Conn: connection, of: b.subscriber, ctx: context.WithoutCancel(ctx)}
	if _, err := t.ExecContext(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ"); err != nil {
		connection.Release()
		return nil, err
	}
	return t, nil
}

func (b beginner) ExecContext(ctx context.Context, query string, args ...any) (watermillsql.Result, error) {
	result, err := b.pool.Exec(ctx, query, args...)
	return watermillsql.PgxResult{CommandTag: result}, err
}

func (b beginner) QueryContext(ctx context.Context, query string, args ...any) (watermillsql.Rows, error) {
	rows, err := b.pool.Query(ctx, query, args...)
	return watermillsql.PgxRows{Rows: rows}, err
}

type change struct {
	id       uuid.UUID
	sequence uint64
}

// transaction is a transaction of a subscriber. Its changes are shown when it is committed.
type transaction struct {
	*pgxpool.Conn
	of      *subscriber
	ctx     context.Context
	queued  *pgx.Batch
	changed []change
}

// ExecContext implements watermillsql.Tx. In a pipeline nobody waits for the answer: an error is
// reported by what comes next.
func (t *transaction) ExecContext(ctx context.Context, query string, args ...any) (watermillsql.Result, error) {
	if t.of.pipelined {
		t.queue(query, args...)
		return watermillsql.PgxResult{}, nil
	}
	result, err := t.Exec(ctx, query, args...)
	return watermillsql.PgxResult{CommandTag: result}, err
}

func (t *transaction) queue(query string, args ...any) {
	if t.queued == nil {
		t.queued = &pgx.Batch{}
	}
	t.queued.Queue(query, args...)
}

// QueryContext implements watermillsql.Tx. The caller reads all rows before it uses the transaction
// again.
func (t *transaction) QueryContext(ctx context.Context, query string, args ...any) (watermillsql.Rows, error) {
	before := 0
	if t.queued != nil {
		before = t.queued.Len()
	}
	t.queue(query, args...)
	results := t.SendBatch(ctx, t.queued)
	t.queued = nil
	for range before {
		if _, err := results.Exec(); err != nil {
			return nil, errors.Join(err, results.Close())
		}
	}
	rows, err := results.Query()
	if err != nil {
		return nil, errors.Join(err, results.Close())
	}
	return &lastRows{Rows: rows, results: results}, nil
}

// lastRows are the rows of the last query of a batch.
type lastRows struct {
	pgx.Rows
	results pgx.BatchResults
	closed  bool
	err     error
}

func (r *lastRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	_ = r.Close() // what comes next in the transaction fails as well
	return false
}

func (r *lastRows) Close() error {
	if !r.closed {
		r.closed = true
		r.Rows.Close()
		r.err = errors.Join(r.Err(), r.results.Close())
	}
	return r.err
}

func (t *transaction) flush(ctx context.Context) error {
	if t.queued == nil {
		return nil
	}
	err := t.SendBatch(ctx, t.queued).Close()
	t.queued = nil
	return err
}

// Commit implements watermillsql.Tx.
func (t *transaction) Commit() error {
	if t.of.pipelined && t.queued == nil {
		return t.Rollback() // nothing was written
	}
	_, err := t.ExecContext(t.ctx, "COMMIT")
	err = errors.Join(err, t.flush(t.ctx))
	if err != nil {
		return errors.Join(err, t.Rollback())
	}
	t.Release()
	for _, c := range t.changed {
		t.of.shown(t.of.Name, c.id, c.sequence)
	}
	t.of.handled.Add(int64(len(t.changed)))
	return nil
}

// Rollback implements watermillsql.Tx.
func (t *transaction) Rollback() error {
	if len(t.changed) > 0 {
		clear(t.of.states)
	}
	t.queued = nil
	_, err := t.Exec(t.ctx, "ROLLBACK")
	t.Release()
	return err
}
