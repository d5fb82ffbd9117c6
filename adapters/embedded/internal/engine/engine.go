package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/adapters/embedded/internal/datadir"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// DB is Pebble in a data directory. All its methods are safe for concurrent use. Methods that read
// or write must be called between Enter and Leave.
type DB struct {
	options   Options
	log       *slog.Logger
	pebbleDir string

	lock      io.Closer
	watermark *datadir.Watermark
	pebble    *pebble.DB
	// files lets one caller write OWNER or STOREID at a time.
	files sync.Mutex

	// inside counts the calls between Enter and Leave.
	inside  portkit.Gate
	closing chan struct{}
	// closeOnce guards closeErr.
	closeOnce sync.Once
	closeErr  error
	// background counts the goroutines of Go.
	background sync.WaitGroup

	space   *space
	sizes   sizes
	jobs    *jobs
	failure failure
	damage  damage
}

// Open opens the data directory, or makes a new one. Before anything can be written, it calls
// recover to find out whether the data is complete. When ctx ends before all that is done, Open
// gives up soon, and the directory is as it was.
//
// Errors: those of [datadir.Claim]; ports.ErrCorrupt when something is damaged or missing;
// ports.ErrFull when the disk has no room for what opening writes; ports.ErrUnavailable for what
// else the operating system refuses; the error of the context; the error of recover.
func Open(ctx context.Context, options Options, recover func(db *DB, before datadir.Before) error) (*DB, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open store %s: %w", options.Dir, err)
	}
	options.FS = datadir.Private(options.FS)
	db := &DB{
		options:   options,
		log:       options.Logger,
		pebbleDir: options.FS.PathJoin(options.Dir, datadir.PebbleName),
		closing:   make(chan struct{}),
	}
	db.failure.happened, db.failure.wedged = make(chan struct{}), make(chan struct{})
	db.damage.seen = map[string]bool{}
	db.jobs = &jobs{log: db.log, closing: db.closing, noRoom: func() { db.space.left.Store(0) }, givenUp: db.givenUp}
	db.space = &space{fs: options.FS, dir: options.Dir, reserve: options.ReserveBytes, jobs: db.jobs, log: db.log}
	if err := db.open(ctx, recover); err != nil {
		if isFull(err) && !errors.Is(err, ports.ErrFull) {
			err = fullError(options.FS, options.Dir, db.pebbleDir, err)
		}
		return nil, fmt.Errorf("open store %s: %w", options.Dir, translateOpen(err))
	}
	db.space.look()
	db.sizes.look(db.pebble)
	db.Go(db.watchSpace)
	db.Go(db.watchSizes)
	return db, nil
}

func (db *DB) open(ctx context.Context, recover func(db *DB, before datadir.Before) error) (err error) {
	fs, dir := db.options.FS, db.options.Dir
	if db.lock, err = datadir.Claim(fs, dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = db.lock.Close() // the other error says more
		}
	}()
	datadir.Tighten(fs, db.log, dir, db.pebbleDir)
	if err := checkRoom(fs, dir, db.pebbleDir); err != nil {
		return err
	}
	var before datadir.Before
	if db.watermark, before, err = datadir.Check(fs, dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = db.watermark.Close() // the other error says more
		}
	}()
	inTime := context.AfterFunc(ctx, func() { db.Fail(ctx.Err()) })
	if db.pebble, err = openPebble(db.pebbleDir, db.pebbleOptions()); err != nil {
		inTime()
		return db.firstOf(err)
	}
	if err = db.Err(); err == nil {
		err = recover(db, before)
	}
	if err == nil {
		err = datadir.WriteOwner(fs, dir, "")
	}
	if !inTime() {
		err = cmp.Or(err, ctx.Err())
	}
	if err == nil {
		db.failure.opened.Store(true)
		err = db.Err()
	}
	if err = db.firstOf(err); err != nil {
		_ = db.pebble.Close() // the other error says more
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

// firstOf returns why opening failed. An error of the operating system or of the context comes
// before the errors that it has caused.
func (db *DB) firstOf(err error) error {
	cause := db.failure.cause.Load()
	if cause == nil {
		return err
	}
	errno := syscall.Errno(0)
	if err == nil || errors.As(*cause, &errno) ||
		errors.Is(*cause, context.Canceled) || errors.Is(*cause, context.DeadlineExceeded) {
		return *cause
	}
	return err
}

// givenUp reports whether opening has failed already.
func (db *DB) givenUp() bool { return !db.failure.opened.Load() && db.Err() != nil }

// Enter begins a call. After nil, the caller must call Leave. It returns ports.ErrClosed after
// Close, and the error of ctx when ctx has ended. A call must not enter twice.
func (db *DB) Enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !db.inside.Enter() {
		return ports.ErrClosed
	}
	return nil
}

// Leave ends a call.
func (db *DB) Leave() { db.inside.Leave() }

// Go runs work in a goroutine that Close waits for. work must return soon after Closing is closed.
func (db *DB) Go(work func()) { db.background.Go(work) }

// Closing is closed when Close begins.
func (db *DB) Closing() <-chan struct{} { return db.closing }

// Interrupted returns why a long call has to end: the error of ctx, or ports.ErrClosed when Close
// waits for it. It returns nil when the call may continue.
func (db *DB) Interrupted(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-db.closing:
		return ports.ErrClosed
	default:
		return nil
	}
}

// Dir returns the data directory.
func (db *DB) Dir() string { return db.options.Dir }

// FS returns the file system of the data directory.
func (db *DB) FS() vfs.FS { return db.options.FS }

// Log returns the logger.
func (db *DB) Log() *slog.Logger { return db.log }

// Advance records that the records of the feed up to position are durable.
func (db *DB) Advance(position uint64) error { return db.watermark.Advance(position) }

// Close ends the DB. It waits for the calls that are inside, and for the goroutines of Go. shut is
// called when no further call gets in, to answer calls that wait for other calls. Closing again
// does nothing and returns the same error.
//
// If Pebble has panicked, some calls may hang for ever. Then Close does not wait, and the directory
// stays locked until the process ends.
func (db *DB) Close(shut func()) error {
	db.closeOnce.Do(func() {
		if err := db.close(shut); err != nil {
			db.closeErr = fmt.Errorf("close store %s: %w", db.options.Dir, Translate(err))
		}
	})
	return db.closeErr
}

func (db *DB) close(shut func()) error {
	db.inside.Shut()
	close(db.closing)
	shut()
	idle := make(chan struct{})
	go func() { db.background.Wait(); db.inside.Drain(); close(idle) }()
	select {
	case <-idle:
	case <-db.failure.wedged:
	}
	select {
	case <-db.failure.wedged: // Pebble may still write
		return fmt.Errorf("%w; the directory stays in use until the process ends", db.Err())
	default:
	}
	errs := []error{db.pebble.Close(), db.watermark.Close()}
	if db.Err() == nil && errors.Join(errs...) == nil {
		errs = append(errs, datadir.WriteSeal(db.options.FS, db.options.Dir))
	}
	return errors.Join(append(errs, datadir.RemoveOwner(db.options.FS, db.options.Dir), db.lock.Close())...)
}

// watchSpace looks at the free space at an interval, until Close.
func (db *DB) watchSpace() {
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	for {
		select {
		case <-db.closing:
			return
		case <-ticker.C:
			db.LookAtSpace()
		}
	}
}

// LookAtSpace looks at the free space, as the DB does once a second. If writing has failed because
// the disk was full, and there is room again, it closes Failed.
func (db *DB) LookAtSpace() {
	db.space.look()
	if db.failure.cause.Load() != nil && db.space.short.Load() == nil {
		db.failure.end()
	}
}
