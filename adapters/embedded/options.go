package embedded

import (
	"errors"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options are the settings of a [Store]. Only Dir is required.
type Options struct {
	// Dir is the data directory. It is created when it does not exist.
	Dir string
	// Retention is how long the change feed holds a record. 0 means 24 hours, negative means for
	// ever.
	Retention time.Duration
	// CacheBytes is the size of the cache for blocks of tables, beside the memtables. 0 means
	// 16 MiB. The operating system keeps the files in its own cache, too, and gives that memory
	// back when it is needed.
	CacheBytes int64
	// FeedBytes bounds the memory that holds the newest records for all subscriptions. 0 means 16
	// MiB.
	FeedBytes int
	// ReserveBytes is the free space on the disk below which nothing is written, so that the jobs
	// of Pebble in the background do not fail. 0 means 128 MiB, negative means no reserve. A tenth
	// of the disk is enough in any case.
	ReserveBytes int64
	// Now is the clock. It gives commit times and the age of records. nil means time.Now.
	Now func() time.Time
	// Logger gets what an operator should know. nil means that nothing is logged.
	Logger *slog.Logger
	// FS is the file system. nil means that of the operating system. Tests inject faults with it.
	FS vfs.FS
	// Progress is called by [Restore] after each file, with the bytes that were copied and those of
	// all files. It may be nil.
	Progress func(done, total uint64)
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("open store: no directory")
	}
	if o.Retention == 0 {
		o.Retention = 24 * time.Hour
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 16 << 20
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
	if o.Progress == nil {
		o.Progress = func(uint64, uint64) {}
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	return o, nil
}
