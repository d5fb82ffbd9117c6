package embedded_test

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/adapters/embedded"
)

// The figures of a store tell what it takes on the disk and how much of it waits for consumers.
func TestStats_tellSizes(t *testing.T) {
	t.Parallel()
	mem, now := vfs.NewMem(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	options := embedded.Options{Dir: "data", FS: mem, Retention: time.Hour, Now: func() time.Time { return now }}
	store, err := embedded.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if s := store.Stats(); s.Outbox != 0 || s.SizeBytes == 0 || s.WALBytes > s.SizeBytes {
		t.Errorf("a new store: %+v", s)
	}
	for range 3 {
		mustAppend(t, store, command(newID(), 0, 2))
	}
	if s := store.Stats(); s.Outbox != 6 {
		t.Errorf("%d records in the outbox, want 6", s.Outbox)
	}
	now = now.Add(2 * time.Hour)
	if err := store.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := store.Stats(); s.Outbox != 0 {
		t.Errorf("%d records in the outbox after all have expired", s.Outbox)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	reopened, err := embedded.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer reopened.Close()
	if s := reopened.Stats(); s.Outbox != 0 || s.SizeBytes == 0 {
		t.Errorf("after another start: %+v", s)
	}
}
