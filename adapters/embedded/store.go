package embedded

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/embedded/internal/commit"
	"orderflow/adapters/embedded/internal/datadir"
	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/feed"
	"orderflow/adapters/embedded/internal/history"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

var (
	_ ports.EventStore       = (*Store)(nil)
	_ ports.HeadScanner      = (*Store)(nil)
	_ ports.ChangeFeed       = (*Store)(nil)
	_ ports.FeedTail         = (*Store)(nil)
	_ ports.Pulse            = (*Store)(nil)
	_ ports.ViewStore        = (*Store)(nil)
	_ ports.ViewReader       = (*Store)(nil)
	_ ports.ViewDropper      = (*Store)(nil)
	_ ports.ViewRepairer     = (*Store)(nil)
	_ ports.ViewChecker      = (*Store)(nil)
	_ ports.BulkReader       = (*Store)(nil)
	_ ports.StateLister      = (*Store)(nil)
	_ ports.ConsumerRegistry = (*Store)(nil)
	_ ports.ParkingLot       = (*Store)(nil)
	_ ports.SkipLog          = (*Store)(nil)
	_ ports.RecordLister     = (*Store)(nil)
	_ ports.StoreIdentity    = (*Store)(nil)
	_ ports.HistoryPager     = (*Store)(nil)
	_ ports.CommandFinder    = (*Store)(nil)
	_ ports.Snapshots        = (*Store)(nil)
	_ ports.TokenStore       = (*Store)(nil)
	_ ports.OperationLog     = (*Store)(nil)
	_ ports.Backups          = (*Store)(nil)
)

// The errors of [Open] that are no errors of package ports.
var (
	ErrNotOurs     = datadir.ErrNotOurs
	ErrNewerFormat = datadir.ErrNewerFormat
)

// Owner is the process that has a data directory open.
type Owner = datadir.Owner

// ReadOwner returns the process that has the data directory dir open, see [datadir.ReadOwner].
func ReadOwner(dir string) (Owner, error) { return datadir.ReadOwner(dir) }

// Stats are figures about a store since it was opened.
type Stats struct {
	engine.Stats
	// Waiting is how many appends and heartbeats wait for their group.
	Waiting int
	// Outbox is how many records the outbox holds.
	Outbox uint64
}

// Store keeps everything that Orderflow stores in one directory. Its methods are safe for
// concurrent use.
type Store struct {
	db        *engine.DB
	history   *history.History
	feed      *feed.Feed
	commits   *commit.Committer
	sequences *sequences
	writes    reusedWrites
	// saving allows one consumer or token to be saved at a time, from the look at what is stored to
	// the disk.
	saving sync.Mutex
	// backups allows one backup at a time.
	backups sync.Mutex
	now     func() time.Time
}

// Open opens the store in a directory, or makes a new one there. Recovery after a crash reads a log
// of at most some tens of megabytes. When ctx ends before it is done, Open gives up soon, and the
// directory is as it was.
//
// Errors: ports.ErrLocked when another process has the directory open; [ErrNotOurs];
// [ErrNewerFormat]; ports.ErrCorrupt when something is damaged or missing; ports.ErrFull when the
// disk has no room for what opening writes; ports.ErrUnavailable for what else the operating system
// refuses; the error of the context.
func Open(ctx context.Context, options Options) (*Store, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{sequences: newSequences(mostStandings), now: options.Now}
	recover := func(db *engine.DB, before datadir.Before) error {
		s.history = history.New(db, options.Now)
		s.feed = feed.New(db, s.history, feed.Options{
			Retention: options.Retention, Bytes: options.FeedBytes, Now: options.Now,
		})
		s.commits = commit.New(db, s.history, s.feed, commit.Options{Now: options.Now, Born: s.sequences.born})
		return s.feed.Recover(before)
	}
	s.db, err = engine.Open(ctx, engine.Options{
		Dir: options.Dir, CacheBytes: options.CacheBytes, ReserveBytes: uint64(options.ReserveBytes),
		Logger: options.Logger, FS: options.FS,
	}, recover)
	if err != nil {
		return nil, err
	}
	s.db.Go(s.feed.RunExpiry)
	return s, nil
}

// Close ends the store. Appends that a group has taken get their true answers, and those that wait
// get ports.ErrClosed. Subscriptions end. Close waits for all of that, see [engine.DB.Close].
// Closing again does nothing and returns the same error.
func (s *Store) Close() error { return s.db.Close(s.commits.Shut) }

// Failed is closed when a write has failed and the process has to start again, see
// [engine.DB.Failed].
func (s *Store) Failed() <-chan struct{} { return s.db.Failed() }

// Err returns nil while the store writes, and after a failure why it does not, see [engine.DB.Err].
func (s *Store) Err() error { return s.db.Err() }

// Stats returns figures about the store. It does no I/O.
func (s *Store) Stats() Stats {
	return Stats{Stats: s.db.Stats(), Waiting: s.commits.Waiting(), Outbox: s.feed.Held()}
}

// SetAddress tells other processes where this one answers, see [ReadOwner].
func (s *Store) SetAddress(address string) error { return s.db.SetAddress(address) }

// StoreID implements [ports.StoreIdentity].
func (s *Store) StoreID(ctx context.Context) (uuid.UUID, error) { return s.db.StoreID(ctx) }

// Load implements [ports.EventStore].
func (s *Store) Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	return s.history.Load(ctx, aggregateID, after)
}

// Append implements [ports.EventStore]. If the context ends while the request waits for its group,
// the request is withdrawn. After that the answer takes one or two fsyncs, and is true.
func (s *Store) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	return s.commits.Append(ctx, a)
}

// ScanHeads implements [ports.HeadScanner]. Aggregates come in the order of their ids.
func (s *Store) ScanHeads(ctx context.Context, after ports.Cursor, limit int) (ports.HeadPage, error) {
	return s.history.ScanHeads(ctx, after, limit)
}

// Subscribe implements [ports.ChangeFeed].
func (s *Store) Subscribe(ctx context.Context, consumer string) (ports.Subscription, error) {
	return s.feed.Subscribe(ctx, consumer)
}

// SeekEnd implements [ports.ChangeFeed].
func (s *Store) SeekEnd(ctx context.Context, consumer string) error {
	return s.feed.SeekEnd(ctx, consumer)
}

// Lag implements [ports.ChangeFeed].
func (s *Store) Lag(ctx context.Context, consumer string) (ports.Lag, error) {
	return s.feed.Lag(ctx, consumer)
}

// OpenTail implements [ports.FeedTail].
func (s *Store) OpenTail(ctx context.Context, after ports.Place) (ports.Tail, error) {
	return s.feed.OpenTail(ctx, after)
}

// Beat implements [ports.Pulse].
func (s *Store) Beat(ctx context.Context, at time.Time) error { return s.commits.Beat(ctx, at) }

// Expire deletes the records from the feed that are older than Options.Retention. The store does so
// once a minute; this is for a caller who cannot wait.
func (s *Store) Expire(ctx context.Context) error { return s.feed.Expire(ctx) }

// ListEvents implements [ports.RecordLister].
func (s *Store) ListEvents(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	return s.history.List(ctx, after, limit)
}

// ListOutbox implements [ports.RecordLister].
func (s *Store) ListOutbox(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	return s.feed.List(ctx, after, limit)
}
