package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"orderflow/adapters/embedded/internal/layout"
	"orderflow/ports"
)

// forgetRounds bounds the flushes of [DB.Forget]. Pebble keeps less than half as many old logs.
const forgetRounds = 16

// Forget replaces the value of a key durably, and removes what was written for it before from the
// logs and the tables. It needs Options.Forgets, and takes the time of some flushes and of a
// compaction of the tables that could have the key. Pebble deletes the old tables soon after that,
// at the latest when the DB is closed.
//
// Errors: those of WriteDurably; the error of ctx. It can be repeated.
func (db *DB) Forget(ctx context.Context, key, value []byte) error {
	before, err := db.logs()
	if err != nil {
		return err
	}
	// Pebble keeps some old logs, to use their files again. Each flush takes the oldest of them.
	for range forgetRounds {
		batch := db.NewBatch()
		Put(batch, key, value)
		if err := db.WriteDurably(batch); err != nil {
			return err
		}
		if err := db.toPebble(db.pebble.Flush); err != nil {
			return err
		}
		now, err := db.logs()
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(now, func(log string) bool { return slices.Contains(before, log) }) {
			if err := db.pebble.Compact(ctx, key, layout.After(key), false); err != nil {
				return Translate(err)
			}
			return nil
		}
		if err := db.Interrupted(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("an old log of Pebble is still there after %d flushes: %w", forgetRounds, ports.ErrUnavailable)
}

// logs returns the names of the logs of Pebble.
func (db *DB) logs() ([]string, error) {
	names, err := db.options.FS.List(db.pebbleDir)
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".log") }), Translate(err)
}
