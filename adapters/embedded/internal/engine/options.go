package engine

import (
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options are the settings of a [DB]. All but Forgets are required.
type Options struct {
	Dir string
	// CacheBytes is the size of the cache for blocks of tables.
	CacheBytes int64
	// ReserveBytes is the free space on the disk below which nothing is written. A tenth of the
	// disk is enough in any case.
	ReserveBytes uint64
	Logger       *slog.Logger
	FS           vfs.FS
	// Forgets says that files with deleted data are deleted, and never used again, see [DB.Forget].
	Forgets bool
}

const (
	memTableBytes = 16 << 20
	// memTables is how many memtables may wait for their flush. More make writers wait in Pebble. A
	// flush that finds no room stops the writing long before that.
	memTables = 4
	// bloomBits is bits per key. One lookup in a hundred of a key that does not exist reads a
	// block.
	bloomBits = 10
)

// pebbleOptions returns the options of Pebble. Appends look up heads and commands that often do not
// exist, so there are filters on all levels.
func (db *DB) pebbleOptions() *pebble.Options {
	options := &pebble.Options{
		// Memtables are taken out of the cache. Most of the time there are two, one of which is
		// being flushed.
		CacheSize: db.options.CacheBytes + 2*memTableBytes,
		// The newest format, for its checksums. A change of it is a change of the format of the
		// directory.
		FormatMajorVersion:          pebble.FormatValueSeparation,
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: memTables,
		FS: &watchedFS{
			FS: db.options.FS, dir: db.pebbleDir, opened: &db.failure.opened, failed: db.Fail, stopped: db.Err,
			synced: db.watermark.Manifest, table: db.jobs.pause, forgets: db.options.Forgets,
		},
		Logger:        pebbleLogger{log: db.log, fail: db.Fail},
		EventListener: db.jobs.listener(),
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)
	}
	return options
}
