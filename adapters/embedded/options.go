package embedded

import (
	"errors"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options are the knobs of a [Store]. Only Dir is needed.
type Options struct {
	// Dir is the data directory. It is made when it does not exist.
	Dir string
	// Retention is how long the change feed holds a record; 0 means 24 hours. Negative means for ever.
	Retention time.Duration
	// CacheBytes is the size of the cache for blocks of the tables; 0 means 64 MiB.
	CacheBytes int64
	// FeedBytes bounds the memory that holds the newest records for all subscriptions together; 0 means 16 MiB.
	FeedBytes int
	// ReserveBytes is the free space on the disk below which nothing is written any more, so that what Pebble does in the
	// background does not fail; 0 means 128 MiB. Negative means none.
	ReserveBytes int64
	// Now is the clock that records are stamped with when they are committed, and that their age is told by; nil means
	// time.Now.
	Now func() time.Time
	// Logger is told what an operator should know; nil means silence.
	Logger *slog.Logger
	// FS is the file system; nil means the one of the operating system. Tests put faults in.
	FS vfs.FS
}

// The sizes that are not worth a knob.
const (
	memTableBytes = 32 << 20
	// bloomBits is bits a key: one lookup in a hundred of a key that does not exist reads a block in vain.
	bloomBits = 10
	// expiryInterval is how often the outbox is swept.
	expiryInterval = time.Minute
)

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("open store: no directory")
	}
	if o.Retention == 0 {
		o.Retention = 24 * time.Hour
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	if o.FeedBytes == 0 {
		o.FeedBytes = 16 << 20
	}
	switch {
	case o.ReserveBytes == 0:
		o.ReserveBytes = 128 << 20
	case o.ReserveBytes < 0:
		o.ReserveBytes = 0
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	o.FS = private(o.FS)
	return o, nil
}

// pebbleOptions are the options of Pebble. Appends look up heads and command ids that often do not exist, hence the filters
// on all levels.
func (s *Store) pebbleOptions() *pebble.Options {
	options := &pebble.Options{
		// Memtables are taken out of the cache. There are two most of the time, one of which is being flushed.
		CacheSize: s.options.CacheBytes + 2*memTableBytes,
		// The newest format, for its checksums, by its name: moving to the next one is a change of formatVersion.
		FormatMajorVersion: pebble.FormatValueSeparation,
		FS: &watchedFS{
			FS: s.fs, opened: &s.failure.opened, failed: s.fail, stopped: s.failed, synced: s.watermark.manifest, table: s.jobs.pause,
		},
		MemTableSize: memTableBytes,
		// Writers wait in Pebble when so many are waiting to be flushed. Before that, a flush that fails for want of room stops the
		// writing, see space.
		MemTableStopWritesThreshold: 4,
		Logger:                      pebbleLogger{log: s.log, fail: s.fail},
		EventListener:               s.jobs.listener(),
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)
	}
	return options
}
