package engine

import (
	"fmt"
	"sync"

	"orderflow/adapters/embedded/internal/layout"
)

// mostDamage bounds how many damaged rows are remembered. When there are more, all are forgotten,
// and may be logged and counted again.
const mostDamage = 10_000

// damage remembers the rows that could not be read, so that each is logged and counted once.
type damage struct {
	mu   sync.Mutex
	seen map[string]bool
	rows uint64
}

// Damaged logs and counts a row that cannot be read. what names the row, and instead says what is
// done without it. The key of a row of a view may name customers, so it is not logged.
func (db *DB) Damaged(what string, key []byte, err error, instead string) {
	if !db.damage.first(string(key)) {
		return
	}
	log := db.log.With("dir", db.options.Dir, "row", what, "error", err)
	if key[0] != layout.SpaceRow {
		log = log.With("key", fmt.Sprintf("%x", key))
	}
	log.Error("a stored row cannot be read: " + instead)
}

func (d *damage) first(key string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.seen) >= mostDamage {
		clear(d.seen)
	}
	if d.seen[key] {
		return false
	}
	d.seen[key] = true
	d.rows++
	return true
}

// Stats are figures about a DB since it was opened.
type Stats struct {
	// DamagedRows counts the rows that could not be read.
	DamagedRows uint64
	// FreeBytes is the free space on the disk; 0 when the file system does not say.
	FreeBytes uint64
	// SizeBytes is what Pebble takes on the disk, and WALBytes the part of it that is its log of
	// writes. They are at most some seconds old.
	SizeBytes, WALBytes uint64
	// Full says that writes are refused because there is too little free space. Failed says that
	// they are refused because a write has failed.
	Full, Failed bool
}

// Stats returns figures about the DB. It does no I/O.
func (db *DB) Stats() Stats {
	db.damage.mu.Lock()
	rows := db.damage.rows
	db.damage.mu.Unlock()
	return Stats{
		DamagedRows: rows, FreeBytes: db.space.free.Load(),
		SizeBytes: db.sizes.all.Load(), WALBytes: db.sizes.wal.Load(),
		Full: db.space.short.Load() != nil, Failed: db.failure.cause.Load() != nil,
	}
}
