package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"

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
	// space knows whether there is room on the disk, and jobs how Pebble's work in the background goes.
	space *space
	jobs  *background
	// durable is the position of the last record that is durable and may be seen.
	durable atomic.Uint64
	// oldest is the lowest position that the outbox still has, or will have next.
	oldest atomic.Uint64
	ring   *ring
	feed   feed
	damage damage
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
	// happened is closed by end: when cause is set and the process had better start anew.
	happened chan struct{}
	ending   sync.Once
	// wedged is closed when Pebble has panicked: it may hold its locks for ever. wedge guards that.
	wedged chan struct{}
	wedge  sync.Once
	// doubtful holds the aggregates with an append whose outcome is not known.
	doubtful sync.Map
}

// end tells the process that it had better start anew.
func (f *failure) end() { f.ending.Do(func() { close(f.happened) }) }

// Open opens the store in a directory, or makes a new one there. Recovery after a crash reads a log of some tens of
// megabytes at most. When ctx ends before that is done, Open gives up soon, and the directory is as it was.
//
// Errors: ports.ErrLocked when another process has the directory open; [ErrNotOurs]; [ErrNewerFormat]; ports.ErrCorrupt when
// something is damaged or missing; ports.ErrFull when the disk has no room for what opening writes; ports.ErrUnavailable for
// what else the operating system refuses; the context's.
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
		damage:    newDamage(),
		failure:   failure{happened: make(chan struct{}), wedged: make(chan struct{})},
	}
	s.jobs = &background{log: s.log, closing: s.closing, noRoom: func() { s.space.left.Store(0) }, givenUp: func() bool { return !s.failure.opened.Load() && s.failed() != nil }}
	s.space = &space{fs: s.fs, dir: s.dir, reserve: uint64(options.ReserveBytes), jobs: s.jobs, log: s.log}
	if err := s.open(ctx); err != nil {
		if isFull(err) && !errors.Is(err, ports.ErrFull) {
			err = fullError(s.fs, s.dir, s.pebbleDir, err)
		}
		return nil, fmt.Errorf("open store %s: %w", s.dir, translateOpen(err))
	}
	s.space.look()
	s.background.Go(s.expire)
	s.background.Go(s.watchSpace)
	return s, nil
}

// open takes the directory, checks it, and reads where the feed ends.
func (s *Store) open(ctx context.Context) (err error) {
	if s.lock, err = claimDirectory(s.fs, s.dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = s.lock.Close() // the other error says more
		}
	}()
	tighten(s.fs, s.log, s.dir, s.pebbleDir)
	if err := checkRoom(s.fs, s.dir, s.pebbleDir); err != nil {
		return err
	}
	before, err := s.check()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = s.watermark.close() // the other error says more
		}
	}()
	inTime := context.AfterFunc(ctx, func() { s.fail(ctx.Err()) })
	if s.db, err = openPebble(s.pebbleDir, s.pebbleOptions()); err != nil {
		inTime()
		return s.firstOf(err)
	}
	if err = s.failed(); err == nil {
		err = s.recover(before)
	}
	if err == nil {
		err = writeOwner(s.fs, s.dir, "")
	}
	if !inTime() {
		err = cmp.Or(err, ctx.Err())
	}
	if err == nil {
		s.failure.opened.Store(true)
		err = s.failed()
	}
	if err = s.firstOf(err); err != nil {
		_ = s.db.Close() // the other error says more
	}
	return err
}

// firstOf returns what made opening fail: the operating system or the end of the context, where one of them did, before
// what came of it.
func (s *Store) firstOf(err error) error {
	cause := s.failure.cause.Load()
	if cause == nil {
		return err
	}
	errno := syscall.Errno(0)
	if err == nil || errors.As(*cause, &errno) || errors.Is(*cause, context.Canceled) || errors.Is(*cause, context.DeadlineExceeded) {
		return *cause
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

// write applies a batch without waiting for the disk, if there is room. The log keeps the order, so after a crash the batch is
// there only if everything before it is.
func (s *Store) write(batch *pebble.Batch) error {
	if err := s.space.take(batch.Len()); err != nil {
		return cmp.Or(s.failed(), err)
	}
	return s.writeSmall(batch)
}

// writeSmall is write for what may go into the reserve, because it makes room.
func (s *Store) writeSmall(batch *pebble.Batch) error {
	if err := s.apply(batch, pebble.NoSync); err != nil {
		return err
	}
	_ = batch.Close() // it only returns memory
	return nil
}

// writeDurably applies a batch, if there is room, and waits for the disk.
func (s *Store) writeDurably(batch *pebble.Batch) error {
	if err := s.space.take(batch.Len()); err != nil {
		return cmp.Or(s.failed(), err)
	}
	return s.commitBatch(batch)
}

// commitBatch applies a batch and waits for the disk.
func (s *Store) commitBatch(batch *pebble.Batch) error {
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
		if !isFull(cause) || !s.space.known.Load() {
			s.failure.end()
		}
	}
}

// failed returns ports.ErrUnavailable when the store has failed, ports.ErrFull when that was for want of room.
func (s *Store) failed() error {
	cause := s.failure.cause.Load()
	switch {
	case cause == nil:
		return nil
	case isFull(*cause):
		return fmt.Errorf("%w: the store stopped writing: %w; make room and restart the process", ports.ErrFull, *cause)
	default:
		return fmt.Errorf("%w: the store stopped writing: %w; restart the process after removing the cause", ports.ErrUnavailable, *cause)
	}
}

// Failed is closed when a write or an fsync has failed and the store therefore writes no more, see [Store.Err]. Reading goes
// on as far as it can. Where the disk was full it is closed only when there is room again: before that, a process that ended
// could not start anew, and nobody would answer reads.
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
