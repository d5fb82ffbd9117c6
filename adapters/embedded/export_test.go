package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// KeysOfBeats is the number of keys that are stored where heartbeats are written.
func (s *Store) KeysOfBeats() (n int) {
	it, err := s.db.Prefix(layout.BeatKey())
	if err != nil {
		panic(err)
	}
	for valid := it.First(); valid; valid = it.Next() {
		n++
	}
	if err := it.Close(); err != nil {
		panic(err)
	}
	return n
}

// PutConsumer stores what the registry knows about a consumer as it is given.
func (s *Store) PutConsumer(name string, value []byte) error {
	batch := s.db.NewBatch()
	engine.Put(batch, layout.ConsumerKey(name), value)
	return s.db.WriteDurably(batch)
}

// HangInside is a call that never comes back.
func (s *Store) HangInside() {
	if err := s.db.Enter(context.Background()); err != nil {
		panic(err)
	}
}

// PanicInside is a write in which Pebble panics: it is given a batch of another database.
func (s *Store) PanicInside() error {
	other, err := pebble.Open("other", &pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		return err
	}
	batch := other.NewBatch()
	engine.Put(batch, []byte("key"), nil)
	return s.db.Write(batch)
}

// LookAtSpace looks at the free space of the disk, as the store does once a second.
func (s *Store) LookAtSpace() { s.db.LookAtSpace() }

// Damage makes the value of a row one that cannot be read.
func (s *Store) Damage(key []byte) error {
	batch := s.db.NewBatch()
	engine.Put(batch, key, []byte{0xff, 0xff})
	return s.db.Commit(batch)
}

// ScanEvents is the scan of the heads that is used after damage.
func (s *Store) ScanEvents(ctx context.Context, after ports.Cursor, limit int) (ports.HeadPage, error) {
	return s.history.ScanEvents(ctx, after, limit)
}

// StepsOfList returns how many entries the engine steps over to read the first rows of a key,
// deleted ones included, and how many rows it finds.
func (s *Store) StepsOfList(view ports.ViewID, table *projection.Table, limit int, key ...any) (steps, rows int) {
	prefix, err := layout.RowKey(view, table, key)
	if err != nil {
		panic(err)
	}
	it, err := s.db.Prefix(prefix)
	if err != nil {
		panic(err)
	}
	for valid := it.First(); valid && rows < limit; valid = it.Next() {
		rows++
	}
	steps = it.Stats().ForwardStepCount[pebble.InternalIterCall]
	if err := it.Close(); err != nil {
		panic(err)
	}
	return steps, rows
}
