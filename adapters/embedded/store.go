package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/ports"
	"orderflow/ports/portkit"
)

var (
	_ ports.EventStore       = (*Store)(nil)
	_ ports.HeadScanner      = (*Store)(nil)
	_ ports.ChangeFeed       = (*Store)(nil)
	_ ports.ViewStore        = (*Store)(nil)
	_ ports.ViewReader       = (*Store)(nil)
	_ ports.ViewDropper      = (*Store)(nil)
	_ ports.ViewRepairer     = (*Store)(nil)
	_ ports.ConsumerRegistry = (*Store)(nil)
	_ ports.ParkingLot       = (*Store)(nil)
	_ ports.SkipLog          = (*Store)(nil)
	_ ports.RecordLister     = (*Store)(nil)
)

// Store keeps everything that Orderflow stores, in one directory. All its methods are safe for concurrent use.
type Store struct {
	options   Options
	log       *slog.Logger
	fs        vfs.FS
	dir       string
	pebbleDir string

	lock      io.Closer
	watermark *watermark
	db        *pebble.DB
	ownerMu   sync.Mutex

	// ops counts the calls that are inside.
	ops     portkit.Gate
	closing chan struct{}
	// closeOnce guards closeErr.
	closeOnce sync.Once
	closeErr  error
	// background counts the expirer.
	background sync.WaitGroup

	// queue is what waits for the committer.
	queue     queue
	committer committer
	// durable is the position of the last record that is durable and may be seen.
	durable atomic.Uint64
	// oldest is the lowest position that the outbox still has, or will have next.
	oldest atomic.Uint64
	ring   *ring
	feed   feed
	// expiring lets one sweep run at a time.
	expiring sync.Mutex
	// saving lets one consumer be saved at a time, from the look at its revision to the disk.
	saving sync.Mutex

	failure failure
}

// failure is why the store writes no more.
type failure struct {
	cause atomic.Pointer[error]
	// opened is set once Open is past returning the failure.
	opened atomic.Bool
	// happened is closed when cause is set.
	happened chan struct{}
	// wedged is closed when Pebble has panicked: it may hold its locks for ever. wedge guards that.
	wedged chan struct{}
	wedge  sync.Once
	// doubtful holds the aggregates with an append whose outcome is not known.
	doubtful sync.Map
}

// Open opens the store in a directory, or makes a new one there. The context bounds nothing but the beginning; recovery after
// a crash reads a log of some tens of megabytes at most.
//
// Errors: ports.ErrLocked when another process has the directory open; [ErrNotOurs]; [ErrNewerFormat]; ports.ErrCorrupt when
// something is damaged or missing; ports.ErrUnavailable for what the operating system refuses.
func Open(ctx context.Context, options Options) (*Store, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open store %s: %w", options.Dir, err)
	}
	s := &Store{
		options:   options,
		log:       options.Logger,
		fs:        options.FS,
		dir:       options.Dir,
		pebbleDir: options.FS.PathJoin(options.Dir, pebbleName),
		closing:   make(chan struct{}),
		ring:      newRing(options.FeedBytes),
		feed:      feed{open: map[string]*subscription{}},
		failure:   failure{happened: make(chan struct{}), wedged: make(chan struct{})},
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open store %s: %w", s.dir, translateOpen(err))
	}
	s.background.Go(s.expire)
	return s, nil
}

// open takes the directory, checks it, and reads where the feed ends.
func (s *Store) open() (err error) {
	if s.lock, err = claimDirectory(s.fs, s.dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.lock.Close())
		}
	}()
	before, err := s.check()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.watermark.close())
		}
	}()
	if s.db, err = openPebble(s.pebbleDir, s.pebbleOptions()); err != nil {
		return err
	}
	if err = s.recover(before); err == nil {
		err = writeOwner(s.fs, s.dir, "")
	}
	if err == nil {
		s.failure.opened.Store(true)
		err = s.failed()
	}
	if err != nil {
		err = errors.Join(err, s.db.Close())
	}
	return err
}

// openPebble opens Pebble, which panics on some kinds of damage.
func openPebble(dir string, options *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("pebble: %v", r)
		}
	}()
	return pebble.Open(dir, options)
}

// apply hands a batch to Pebble: to its memory and to its log. A batch that is to be synced is not durable before syncWait has
// returned nil.
//
// Errors: ports.ErrUnavailable when the store has failed before, ports.ErrOutcomeUnknown when it fails now.
func (s *Store) apply(batch *pebble.Batch, options *pebble.WriteOptions) error {
	if err := s.failed(); err != nil {
		return err
	}
	return s.toPebble(func() error {
		if options.Sync {
			return s.db.ApplyNoSyncWait(batch, options)
		}
		return s.db.Apply(batch, options)
	})
}

// toPebble writes something. A write that fails stops the store, and so does a panic of Pebble.
func (s *Store) toPebble(write func() error) error {
	err := portkit.Protect(write)
	if panicked := (*portkit.PanicError)(nil); errors.As(err, &panicked) {
		s.log.Error("Pebble panicked", "error", err, "stack", string(panicked.Stack))
		s.failure.wedge.Do(func() { close(s.failure.wedged) })
	}
	if err != nil {
		s.fail(err)
	}
	return s.outcome()
}

// outcome returns ports.ErrOutcomeUnknown when the store has failed while something was being written. Pebble does not tell
// of such a failure, see watchedFS.
func (s *Store) outcome() error {
	if cause := s.failure.cause.Load(); cause != nil {
		return fmt.Errorf("%w: the store stopped writing: %w", ports.ErrOutcomeUnknown, *cause)
	}
	return nil
}

// write applies a batch without waiting for the disk. The log keeps the order, so after a crash the batch is there only if
// everything before it is.
func (s *Store) write(batch *pebble.Batch) error {
	if err := s.apply(batch, pebble.NoSync); err != nil {
		return err
	}
	_ = batch.Close() // it only returns memory
	return nil
}

// writeDurably applies a batch and waits for the disk.
func (s *Store) writeDurably(batch *pebble.Batch) error {
	if err := s.apply(batch, pebble.Sync); err != nil {
		return err
	}
	return s.syncWait(batch)
}

// syncWait waits until a batch that was applied is durable. A batch that is not must not be closed: Pebble may still use it.
func (s *Store) syncWait(batch *pebble.Batch) error {
	if err := s.toPebble(batch.SyncWait); err != nil {
		return err
	}
	_ = batch.Close() // it only returns memory
	return nil
}

// get returns a copy of the value of key, or nil.
func (s *Store) get(key []byte) ([]byte, error) {
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return append([]byte{}, value...), closer.Close()
}

// fail stops all writing. What an fsync did before it failed cannot be found out, and trying it again would not tell: the
// operating system may have dropped the data. A new process reads what is really there.
func (s *Store) fail(cause error) {
	if s.failure.cause.CompareAndSwap(nil, &cause) {
		if s.failure.opened.Load() {
			s.log.Error("the store writes no more; find the cause and restart, nothing acknowledged is lost", "dir", s.dir, "error", cause)
		}
		close(s.failure.happened)
	}
}

// failed returns ports.ErrUnavailable when the store has failed.
func (s *Store) failed() error {
	if cause := s.failure.cause.Load(); cause != nil {
		return fmt.Errorf("%w: the store stopped writing: %w; restart the process after removing the cause", ports.ErrUnavailable, *cause)
	}
	return nil
}

// Failed is closed when a write or an fsync has failed and the store therefore writes no more, see [Store.Err]. Reading goes
// on as far as it can.
func (s *Store) Failed() <-chan struct{} { return s.failure.happened }

// Err returns why the store writes no more, as a ports.ErrUnavailable; nil while it does.
func (s *Store) Err() error { return s.failed() }

// enter lets a call in, unless it must not go on. After nil, the caller must call s.ops.Leave.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.ops.Enter() {
		return ports.ErrClosed
	}
	return nil
}

// Close ends the store. Appends that the committer has taken get their true answers, those that wait get ports.ErrClosed,
// subscriptions end. It waits for all of that, and for other calls that are inside, unless Pebble has panicked: then some
// of them may hang for ever, and Close leaves the directory as it is. Closing again does nothing and returns the same.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		if err := s.close(); err != nil {
			s.closeErr = fmt.Errorf("close store %s: %w", s.dir, translate(err))
		}
	})
	return s.closeErr
}

func (s *Store) close() error {
	s.ops.Shut()
	close(s.closing)
	s.queue.close()
	idle := make(chan struct{})
	go func() { s.background.Wait(); s.ops.Drain(); close(idle) }()
	select {
	case <-idle:
	case <-s.failure.wedged:
	}
	select {
	case <-s.failure.wedged: // Pebble may still write, so the directory stays locked until the process ends
		return fmt.Errorf("%w; the directory stays in use until the process ends", s.failed())
	default:
	}

	errs := []error{s.db.Close(), s.watermark.close()}
	if s.failed() == nil && errors.Join(errs...) == nil {
		errs = append(errs, s.seal())
	}
	if err := s.fs.Remove(s.fs.PathJoin(s.dir, ownerName)); !isNotExist(err) {
		errs = append(errs, err)
	}
	return errors.Join(append(errs, s.lock.Close())...)
}
