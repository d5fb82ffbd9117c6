package engine

import (
	"context"

	"orderflow/adapters/embedded/internal/layout"
)

// Purge writes all tables again that have keys with one of the prefixes, so that no table has a
// value that was replaced or deleted before the call. Old logs may have it until Pebble uses their
// files again. Purge can be stopped between two compactions, and can be repeated.
//
// Errors: those of WriteDurably; the error of ctx.
func (db *DB) Purge(ctx context.Context, prefixes ...[]byte) error {
	if err := db.toPebble(db.pebble.Flush); err != nil {
		return err
	}
	for _, prefix := range prefixes {
		if err := db.Interrupted(ctx); err != nil {
			return err
		}
		// not in parallel: the store also serves commands
		if err := db.pebble.Compact(ctx, prefix, layout.PrefixEnd(prefix), false); err != nil {
			return Translate(err)
		}
	}
	return nil
}
