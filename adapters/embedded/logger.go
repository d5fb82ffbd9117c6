package embedded

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// pebbleLogger hands Pebble's messages on. What Pebble calls fatal means that its files are in a state that it does not want
// to go on from; by default it ends the process there. Here the store stops writing instead, which the process is told by
// [Store.Failed], and Pebble gets the error that it would have returned.
type pebbleLogger struct {
	log  *slog.Logger
	fail func(error)
}

// Infof implements [pebble.Logger]. Pebble is talkative, so this is for debugging.
func (l pebbleLogger) Infof(format string, args ...any) {
	l.log.Debug("pebble", "message", fmt.Sprintf(format, args...))
}

// Errorf implements [pebble.Logger].
func (l pebbleLogger) Errorf(format string, args ...any) {
	l.log.Error("pebble", "message", fmt.Sprintf(format, args...))
}

// Fatalf implements [pebble.Logger].
func (l pebbleLogger) Fatalf(format string, args ...any) { l.fail(fmt.Errorf(format, args...)) }

// quietTime is how long after one error of the background another is not logged.
const quietTime = 10 * time.Second

// retryPause is how long a background job waits that follows a failed one.
const retryPause = 100 * time.Millisecond

// background watches the flushes and compactions of Pebble, which tries a failed one again at once, without end.
type background struct {
	log     *slog.Logger
	closing <-chan struct{}
	// noRoom is called when a job has found the disk full.
	noRoom func()
	// givenUp tells whether the store was given up before it was open: then jobs fail because nothing is to be written any more.
	givenUp func() bool
	// failed and logged are when a job failed last, and when that was logged last, in nanoseconds since 1970. full is when one
	// found no room last; 0 when one has succeeded since.
	failed, logged, full atomic.Int64
}

// fullTime is how long after a job found no room there may be none, if no other job says otherwise.
const fullTime = 10 * time.Second

// foundNoRoom tells whether a job found the disk full, a moment ago.
func (b *background) foundNoRoom() bool { return time.Now().UnixNano()-b.full.Load() < int64(fullTime) }

// ended is told how a job ended.
func (b *background) ended(err error) {
	switch {
	case err == nil:
		b.full.Store(0)
	case isFull(err):
		b.full.Store(time.Now().UnixNano())
		b.noRoom()
	}
}

func (b *background) error(message string, err error) {
	if b.givenUp() {
		return
	}
	now := time.Now().UnixNano()
	b.failed.Store(now)
	if last := b.logged.Load(); now-last > int64(quietTime) && b.logged.CompareAndSwap(last, now) {
		b.log.Error(message, "error", err)
	}
}

// pause holds up a job that follows a failed one.
func (b *background) pause() {
	if time.Now().UnixNano()-b.failed.Load() > int64(retryPause) {
		return
	}
	select {
	case <-time.After(retryPause):
	case <-b.closing:
	}
}

// listener logs what Pebble finds out in the background. Its functions must not block.
func (b *background) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			b.error("a background job of the store failed and is tried again", err)
			b.ended(err)
		},
		FlushEnd:      func(info pebble.FlushInfo) { b.ended(info.Err) },
		CompactionEnd: func(info pebble.CompactionInfo) { b.ended(info.Err) },
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			b.error("the store found damaged data", fmt.Errorf("%s: %w", info.Path, info.Details))
		},
		DiskSlow: func(info pebble.DiskSlowInfo) {
			b.log.Warn("the disk is slow", "operation", info.OpType.String(), "path", info.Path, "duration", info.Duration)
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			b.log.Warn("writes wait for the background jobs of the store", "reason", info.Reason)
		},
		WriteStallEnd: func() { b.log.Info("writes go on") },
	}
}
