package engine

import (
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// sizesInterval is the pause between two looks at how much Pebble takes on the disk.
const sizesInterval = 5 * time.Second

// sizes are what Pebble takes on the disk, in bytes. They are kept here because Pebble tells them
// under a lock that it holds while it is stuck. Then whoever asks for the figures must not hang.
type sizes struct{ all, wal atomic.Uint64 }

func (s *sizes) look(db *pebble.DB) {
	m := db.Metrics()
	s.all.Store(m.DiskSpaceUsage())
	s.wal.Store(m.WAL.PhysicalSize + m.WAL.ObsoletePhysicalSize)
}

// watchSizes looks at the sizes at an interval, until Close.
func (db *DB) watchSizes() {
	ticker := time.NewTicker(sizesInterval)
	defer ticker.Stop()
	for {
		select {
		case <-db.closing:
			return
		case <-ticker.C:
			db.sizes.look(db.pebble)
		}
	}
}
