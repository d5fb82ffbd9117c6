package engine

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/ports/portkit"
)

// Checkpoint makes dir, which must not exist, and puts a consistent copy of the files of Pebble
// into it. Tables are hard links where the file system can do that. The copy has everything that
// was durable before the call. Writing goes on meanwhile. A failure of the copy does not stop the
// DB.
//
// Errors: ports.ErrFull, ports.ErrUnavailable; [DB.Err].
func (db *DB) Checkpoint(ctx context.Context, dir string) error {
	if err := db.Enter(ctx); err != nil {
		return err
	}
	defer db.Leave()
	if err := db.Err(); err != nil {
		return err
	}
	// Pebble panics when it cannot sync the directory of the copy. It holds no locks then.
	return Translate(portkit.Protect(func() error { return db.pebble.Checkpoint(dir, pebble.WithFlushedWAL()) }))
}
