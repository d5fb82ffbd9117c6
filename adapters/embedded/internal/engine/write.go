package engine

import (
	"cmp"

	"github.com/cockroachdb/pebble/v2"
)

// NewBatch returns an empty batch. All of it is written, or nothing.
func (db *DB) NewBatch() *pebble.Batch { return db.pebble.NewBatch() }

// Put adds a value to a batch.
func Put(batch *pebble.Batch, key, value []byte) {
	_ = batch.Set(key, value, nil) // it fails for a batch with an index only
}

// Delete removes a key in a batch.
func Delete(batch *pebble.Batch, key []byte) {
	_ = batch.Delete(key, nil) // it fails for a batch with an index only
}

// DeleteRange removes the keys from start on and before end in a batch.
func DeleteRange(batch *pebble.Batch, start, end []byte) {
	_ = batch.DeleteRange(start, end, nil) // it fails for a batch with an index only
}

// Write applies a batch without an fsync, if there is room. After a crash the batch is there only
// if all earlier writes are.
//
// Errors: ports.ErrFull and ports.ErrUnavailable, nothing was written; ports.ErrOutcomeUnknown.
func (db *DB) Write(batch *pebble.Batch) error {
	if err := db.Room(batch.Len()); err != nil {
		return err
	}
	return db.WriteSmall(batch)
}

// WriteSmall is Write for a batch that frees space, so it may use the reserve.
func (db *DB) WriteSmall(batch *pebble.Batch) error {
	if err := db.apply(batch, pebble.NoSync); err != nil {
		return err
	}
	_ = batch.Close() // it only returns memory
	return nil
}

// WriteDurably applies a batch, if there is room, and waits for the fsync. Its errors are those of
// Write.
func (db *DB) WriteDurably(batch *pebble.Batch) error {
	if err := db.Room(batch.Len()); err != nil {
		return err
	}
	return db.Commit(batch)
}

// Commit is WriteDurably for a caller that has called Room already.
func (db *DB) Commit(batch *pebble.Batch) error {
	if err := db.apply(batch, pebble.Sync); err != nil {
		return err
	}
	if err := db.toPebble(batch.SyncWait); err != nil {
		return err // the batch must not be closed: Pebble may still use it
	}
	_ = batch.Close() // it only returns memory
	return nil
}

// Room asks for room for n bytes on the disk.
func (db *DB) Room(n int) error {
	if err := db.space.take(n); err != nil {
		return cmp.Or(db.Err(), err)
	}
	return nil
}

// apply gives a batch to Pebble, which puts it into its memory and its log.
func (db *DB) apply(batch *pebble.Batch, options *pebble.WriteOptions) error {
	if err := db.Err(); err != nil {
		return err
	}
	return db.toPebble(func() error {
		if options.Sync {
			return db.pebble.ApplyNoSyncWait(batch, options)
		}
		return db.pebble.Apply(batch, options)
	})
}
