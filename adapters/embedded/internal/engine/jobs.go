package engine

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// pebbleLogger logs the messages of Pebble. A fatal message means that Pebble does not want to
// continue with its files as they are. By default it ends the process then. Here the DB stops
// writing, and Pebble returns the error.
type pebbleLogger struct {
	log  *slog.Logger
	fail func(error)
}

// Infof implements [pebble.Logger]. These messages are many, so they are for debugging.
func (l pebbleLogger) Infof(format string, args ...any) {
	l.log.Debug("pebble", "message", fmt.Sprintf(format, args...))
}

// Errorf implements [pebble.Logger].
func (l pebbleLogger) Errorf(format string, args ...any) {
	l.log.Error("pebble", "message", fmt.Sprintf(format, args...))
}

// Fatalf implements [pebble.Logger].
func (l pebbleLogger) Fatalf(format string, args ...any) { l.fail(fmt.Errorf(format, args...)) }

// quietTime is how long no further error of a job is logged after one.
const quietTime = 10 * time.Second

// retryPause is how long a job waits that follows a failed one.
const retryPause = 100 * time.Millisecond

// jobs watches the flushes and compactions of Pebble. Pebble tries a failed one again at once,
// without end.
type jobs struct {
	log     *slog.Logger
	closing <-chan struct{}
	// noRoom is called when a job has found the disk full.
	noRoom func()
	// givenUp reports whether opening has failed. Then jobs fail as well, and that is not reported.
	givenUp func() bool
	// Nanoseconds since 1970: failed is when a job failed last, and logged when that was logged
	// last. full is when a job found no room last, and 0 after a job has succeeded.
	failed, logged, full atomic.Int64
}

// fullTime is how long a job that found no room counts, if no other job succeeds.
const fullTime = 10 * time.Second

// foundNoRoom reports whether a job has found the disk full a moment ago.
func (j *jobs) foundNoRoom() bool { return time.Now().UnixNano()-j.full.Load() < int64(fullTime) }

// ended notes how a job has ended.
func (j *jobs) ended(err error) {
	switch {
	case err == nil:
		j.full.Store(0)
	case isFull(err):
		j.full.Store(time.Now().UnixNano())
		j.noRoom()
	}
}

func (j *jobs) error(message string, err error) {
	if j.givenUp() {
		return
	}
	now := time.Now().UnixNano()
	j.failed.Store(now)
	if last := j.logged.Load(); now-last > int64(quietTime) && j.logged.CompareAndSwap(last, now) {
		j.log.Error(message, "error", err)
	}
}

// pause delays a job that follows a failed one.
func (j *jobs) pause() {
	if time.Now().UnixNano()-j.failed.Load() > int64(retryPause) {
		return
	}
	select {
	case <-time.After(retryPause):
	case <-j.closing:
	}
}

// listener gets what Pebble reports about its jobs. Its functions must not block.
func (j *jobs) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			j.error("a background job of the store failed and is tried again", err)
			j.ended(err)
		},
		FlushEnd:      func(info pebble.FlushInfo) { j.ended(info.Err) },
		CompactionEnd: func(info pebble.CompactionInfo) { j.ended(info.Err) },
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			j.error("the store found damaged data", fmt.Errorf("%s: %w", info.Path, info.Details))
		},
		DiskSlow: func(info pebble.DiskSlowInfo) {
			j.log.Warn("the disk is slow", "operation", info.OpType.String(), "path", info.Path, "duration", info.Duration)
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			j.log.Warn("writes wait for the background jobs of the store", "reason", info.Reason)
		},
		WriteStallEnd: func() { j.log.Info("writes continue") },
	}
}
