package scylla

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/gocql/gocql"
	"golang.org/x/sync/errgroup"

	"orderflow/ports"
)

// Store implements the storage ports on one keyspace. Several processes may use the same keyspace at the same time.
type Store struct {
	config  Config
	session *gocql.Session
	calls   gate
	buckets knownBuckets
	// beats counts heartbeats, which take turns in their partitions.
	beats atomic.Uint32
	// skew is by how much the clock of this process is behind those of the servers, in nanoseconds.
	skew atomic.Int64
	// background deletes intents that have served; see forget.
	background errgroup.Group
	closing    sync.Once
}

var (
	_ ports.EventStore       = (*Store)(nil)
	_ ports.HeadScanner      = (*Store)(nil)
	_ ports.RecordLister     = (*Store)(nil)
	_ ports.ViewStore        = (*Store)(nil)
	_ ports.ViewReader       = (*Store)(nil)
	_ ports.ViewDropper      = (*Store)(nil)
	_ ports.ConsumerRegistry = (*Store)(nil)
	_ ports.ParkingLot       = (*Store)(nil)
	_ ports.SkipLog          = (*Store)(nil)
	_ ports.Leases           = (*Store)(nil)
)

// backgroundDeletes bounds the intents that are being deleted while their appends are already acknowledged.
const backgroundDeletes = 64

// Open connects and checks that the schema is the one that this program knows.
//
// Errors: ErrUnavailable when nothing answers; [ErrSchemaMissing], [ErrSchemaOlder] and [ErrSchemaNewer].
func Open(ctx context.Context, c Config) (*Store, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	status, err := Status(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := status.Check(); err != nil {
		return nil, err
	}
	session, err := connect(ctx, c, c.Keyspace)
	if err != nil {
		return nil, err
	}
	s := &Store{config: c, session: session}
	s.background.SetLimit(backgroundDeletes)
	if _, err := s.askTime(ctx); err != nil {
		session.Close()
		return nil, fmt.Errorf("ask for the time: %w", err)
	}
	return s, nil
}

// Close waits for the calls that are under way, and for the intents of acknowledged appends to be deleted.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.calls.close()
		_ = s.background.Wait() // it never returns an error
		s.session.Close()
	})
	return nil
}

// enter begins a call; the caller leaves by s.calls.leave when the error is nil.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.calls.enter() {
		return ports.ErrClosed
	}
	return nil
}

// query makes a read, which may be made twice.
func (s *Store) query(ctx context.Context, cql string, args ...any) *gocql.Query {
	return s.session.Query(cql, args...).WithContext(ctx).Idempotent(true)
}

// exec makes a plain write.
func (s *Store) exec(ctx context.Context, cql string, args ...any) error {
	return translate(ctx, s.session.Query(cql, args...).WithContext(ctx).Exec(), plainWrite)
}

// conditional makes a conditional statement once, and returns what it found: of the columns that its condition names, the values
// from before.
func (s *Store) conditional(ctx context.Context, cql string, args ...any) (applied bool, found map[string]any, err error) {
	found = map[string]any{}
	q := s.session.Query(cql, args...).WithContext(ctx).RetryPolicy(conditionalPolicy{retryPolicy{requestAttempts}})
	applied, err = q.MapScanCAS(found)
	return applied && err == nil, found, err
}

// conditionalBatch is an empty batch whose first statement will have a condition.
func (s *Store) conditionalBatch(ctx context.Context) *gocql.Batch {
	return s.session.Batch(gocql.UnloggedBatch).WithContext(ctx).RetryPolicy(conditionalPolicy{retryPolicy{requestAttempts}})
}

// maxPage bounds every page, whatever the caller's limit.
const maxPage = 100_000

// checkLimit returns how many entries a page may have, or an error for a limit that would never get anywhere.
func checkLimit(limit int) (int, error) {
	if limit < 1 {
		return 0, fmt.Errorf("limit %d is below 1", limit)
	}
	return min(limit, maxPage), nil
}
