package engine

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"orderflow/ports"
	"orderflow/ports/portkit"
)

// failure is why the DB writes no more.
type failure struct {
	cause atomic.Pointer[error]
	// opened is set when Open cannot return the failure any more.
	opened atomic.Bool
	// happened is closed by end: cause is set, and the process has to start again.
	happened chan struct{}
	ending   sync.Once
	// wedged is closed when Pebble has panicked: it may hold its locks for ever. wedge guards that.
	wedged chan struct{}
	wedge  sync.Once
}

// end tells the process that it has to start again.
func (f *failure) end() { f.ending.Do(func() { close(f.happened) }) }

// Fail stops all writing. The first cause counts.
func (db *DB) Fail(cause error) {
	if !db.failure.cause.CompareAndSwap(nil, &cause) {
		return
	}
	if db.failure.opened.Load() {
		db.log.Error("the store writes no more; find the cause and restart the process; nothing acknowledged is lost",
			"dir", db.options.Dir, "error", cause)
	}
	if !isFull(cause) || !db.space.known.Load() {
		db.failure.end()
	}
}

// Err returns nil while the DB writes. After a failure it returns a ports.ErrUnavailable, which is
// a ports.ErrFull if the disk was full.
func (db *DB) Err() error {
	cause := db.failure.cause.Load()
	switch {
	case cause == nil:
		return nil
	case isFull(*cause):
		return fmt.Errorf("%w: the store stopped writing: %w; make room and restart the process", ports.ErrFull, *cause)
	default:
		return fmt.Errorf("%w: the store stopped writing: %w; restart the process after removing the cause",
			ports.ErrUnavailable, *cause)
	}
}

// Failed is closed when a write or an fsync has failed and nothing is written any more, see
// [DB.Err]. Reads continue. If the disk was full, Failed is closed only when there is room again: a
// process that ended earlier could not start again, and nobody would answer reads.
func (db *DB) Failed() <-chan struct{} { return db.failure.happened }

// Outcome is for a write that was in progress. It returns ports.ErrOutcomeUnknown when the DB has
// failed, else nil. Pebble does not report such a failure, see watchedFS.
func (db *DB) Outcome() error {
	if cause := db.failure.cause.Load(); cause != nil {
		return fmt.Errorf("%w: the store stopped writing: %w", ports.ErrOutcomeUnknown, *cause)
	}
	return nil
}

// toPebble runs a write. A failure stops all writing, and so does a panic of Pebble.
func (db *DB) toPebble(write func() error) error {
	err := portkit.Protect(write)
	if err == nil { // nearly always; errors.As would allocate
		return db.Outcome()
	}
	if panicked := (*portkit.PanicError)(nil); errors.As(err, &panicked) {
		db.log.Error("Pebble panicked", "error", err, "stack", string(panicked.Stack))
		db.failure.wedge.Do(func() { close(db.failure.wedged) })
	}
	db.Fail(err)
	return db.Outcome()
}
