package bench_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/scylla"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// recordColumns are the columns that event_store and outbox_messages have in common.
const recordColumns = `aggregate_id, sequence_number, event_id, event_type, event_version, payload, command_id,
	correlation_id, causation_id, metadata, created_at`

// scyllaServers returns the servers of SCYLLA_HOSTS. Without them a benchmark is skipped.
func scyllaServers(b *testing.B) []string {
	b.Helper()
	hosts := os.Getenv("SCYLLA_HOSTS")
	if hosts == "" {
		b.Skip("SCYLLA_HOSTS is not set: there is no ScyllaDB to measure")
	}
	return strings.Split(hosts, ",")
}

func simulatedServers(t *testing.T) []string {
	t.Helper()
	sim, err := scyllasim.Start(scyllasim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return sim.Hosts()
}

// scyllaKeyspace makes a keyspace that is dropped at the end, and a session on it.
func scyllaKeyspace(tb testing.TB, hosts []string) (scylla.Config, *gocql.Session) {
	tb.Helper()
	c := scylla.Config{Hosts: hosts, Keyspace: "bench_" + strings.ReplaceAll(uuid.NewString(), "-", ""), Timeout: time.Minute}
	if _, err := scylla.ApplySchema(tb.Context(), c); err != nil {
		tb.Fatal(err)
	}
	session, err := scylla.Connect(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := session.Query("DROP KEYSPACE " + c.Keyspace).Exec(); err != nil {
			tb.Error(err)
		}
		session.Close()
	})
	return c, session
}

// bareStore appends with the conditional batch and nothing else: no intent before it, no outbox
// after it. This is the lowest possible cost of an append, and no consumer learns of it.
type bareStore struct {
	ports.EventStore
	session *gocql.Session
}

func (s bareStore) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	batch := s.session.Batch(gocql.UnloggedBatch).WithContext(ctx)
	head := int64(a.Expected) + int64(len(a.Records)) //nolint:gosec // a few events
	expected := any(nil)
	if a.Expected > 0 {
		expected = int64(a.Expected) //nolint:gosec // a few events
	}
	batch.Query("UPDATE event_store SET head = ? WHERE aggregate_id = ? IF head = ?", head, a.AggregateID, expected)
	for _, r := range a.Records {
		batch.Query("INSERT INTO event_store ("+recordColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values(r)...)
	}
	applied, rows, err := s.session.MapExecuteBatchCAS(batch, map[string]any{})
	if err == nil {
		err = rows.Close()
	}
	if err == nil && !applied {
		err = ports.ErrVersionConflict
	}
	return ports.Appended{Records: a.Records}, err
}

// updateStore appends one event with one conditional statement, as package scylla does. Several
// events are a batch. Compared with bareStore, it shows which of the two is better on a cluster.
type updateStore struct{ bareStore }

func (s updateStore) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	if len(a.Records) != 1 {
		return s.bareStore.Append(ctx, a)
	}
	const update = `UPDATE event_store SET head = ?, event_id = ?, event_type = ?, event_version = ?, payload = ?, command_id = ?,
		correlation_id = ?, causation_id = ?, metadata = ?, created_at = ? WHERE aggregate_id = ? AND sequence_number = ? IF head = ?`
	expected := any(nil)
	if a.Expected > 0 {
		expected = int64(a.Expected) //nolint:gosec // a few events
	}
	event := values(a.Records[0])                              // the key comes first
	args := append([]any{int64(a.Expected) + 1}, event[2:]...) //nolint:gosec // a few events
	args = append(args, event[0], event[1], expected)
	applied, err := s.session.Query(update, args...).WithContext(ctx).MapScanCAS(map[string]any{})
	if err == nil && !applied {
		err = ports.ErrVersionConflict
	}
	return ports.Appended{Records: a.Records}, err
}

// What is measured must be an append: of two writers that expect the same head one wins, and the
// event can be read.
func TestUpdateStore_isAnAppend(t *testing.T) {
	t.Parallel()
	config, session := scyllaKeyspace(t, simulatedServers(t))
	store, err := scylla.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // nothing depends on it any more
	bare := updateStore{bareStore{store, session}}
	id := uuid.New()
	for expected := range uint64(3) {
		for _, want := range []error{nil, ports.ErrVersionConflict} {
			r := eventsourcing.Record{
				Header: eventsourcing.Header{
					AggregateType: "order", AggregateID: id, EventID: uuid.New(), SequenceNumber: expected + 1, CommandID: uuid.New(),
					CreatedAt: eventsourcing.Timestamp(time.Now()),
				},
				EventType: "test.happened", EventVersion: 1, Payload: []byte("{}"),
			}
			_, err := bare.Append(t.Context(), ports.Append{AggregateID: id, Expected: expected, CommandID: r.CommandID, Records: []eventsourcing.Record{r}})
			if !errors.Is(err, want) {
				t.Fatalf("after %d: %v, want %v", expected, err, want)
			}
		}
	}
	if history, err := store.Load(t.Context(), id, 0); err != nil || len(history) != 3 {
		t.Errorf("%d events, %v; want 3", len(history), err)
	}
}

func values(r eventsourcing.Record) []any {
	optional := func(id uuid.UUID) any {
		if id == uuid.Nil {
			return gocql.UnsetValue
		}
		return id
	}
	metadata := any(gocql.UnsetValue)
	if len(r.Metadata) > 0 {
		metadata = r.Metadata
	}
	return []any{
		r.AggregateID, int64(r.SequenceNumber), r.EventID, r.EventType, r.EventVersion, string(r.Payload), r.CommandID, //nolint:gosec // a few events
		optional(r.CorrelationID), optional(r.CausationID), metadata, r.CreatedAt.UnixMilli(),
	}
}

// lateStore appends every tenth command without its outbox rows. It writes them later, after
// lateness: other events of the order may be in the feed by then.
type lateStore struct {
	ports.EventStore
	bare    bareStore
	appends *atomic.Int64
	late    *lateRows
}

const (
	lateOneIn = 10
	lateness  = 300 * time.Millisecond
)

// lateRows counts the outbox rows that are not written yet.
type lateRows struct {
	writing sync.WaitGroup
	written atomic.Int64
	failed  atomic.Pointer[error]
}

func (s lateStore) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	if s.appends.Add(1)%lateOneIn != 0 {
		return s.EventStore.Append(ctx, a)
	}
	appended, err := s.bare.Append(ctx, a)
	if err != nil {
		return appended, err
	}
	s.late.writing.Add(1)
	time.AfterFunc(lateness, func() {
		defer s.late.writing.Done()
		for _, r := range a.Records {
			insert := "INSERT INTO outbox_messages (" + recordColumns + ", id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
			if err := s.bare.session.Query(insert, append(values(r), r.EventID)...).Exec(); err != nil {
				s.late.failed.Store(&err)
				return
			}
			s.late.written.Add(1)
		}
	})
	return appended, nil
}

// wait waits for the last row and returns how many there were.
func (l *lateRows) wait(tb testing.TB) int64 {
	tb.Helper()
	l.writing.Wait()
	if err := l.failed.Load(); err != nil {
		tb.Fatal(*err)
	}
	return l.written.Load()
}
