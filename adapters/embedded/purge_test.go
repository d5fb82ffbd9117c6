package embedded_test

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/ports"
)

// What was replaced in a state or in a snapshot is in no table after a purge, and after the next
// start in no file at all. What was not replaced is still there.
func TestStore_purgesWhatWasReplaced(t *testing.T) {
	t.Parallel()
	dir, ctx := t.TempDir(), t.Context()
	open := func() *embedded.Store {
		store, err := embedded.Open(ctx, embedded.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		return store
	}
	canary := func() []byte { // tables are compressed, and this cannot be
		b := make([]byte, 40)
		_, _ = rand.Read(b)
		return b
	}
	state, snapshot, kept := canary(), canary(), canary()
	view, id, other := ports.ViewID{Consumer: "v", Generation: 1}, uuid.New(), uuid.New()
	change := func(id uuid.UUID, sequence uint64, data []byte) ports.Change {
		return ports.Change{AggregateID: id, State: ports.ViewState{SequenceNumber: sequence, Data: data}}
	}
	store := open()
	if err := store.Apply(ctx, view, change(id, 1, state), change(other, 1, kept)); err != nil {
		t.Fatal(err)
	}
	if err := store.SaveSnapshot(ctx, ports.Snapshot{AggregateID: id, Kind: "k", SequenceNumber: 1, Version: 1, Data: snapshot}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store = open() // a start writes the log to a table
	inTables := func(what []byte) bool {
		return slices.ContainsFunc(inFiles(t, dir, what), func(name string) bool { return filepath.Ext(name) == ".sst" })
	}
	if !inTables(state) || !inTables(snapshot) || !inTables(kept) {
		t.Fatal("this test does not see what is in the tables")
	}
	if err := store.Replace(ctx, view, change(id, 1, []byte("erased")), 1); err != nil {
		t.Fatal(err)
	}
	if err := store.DropSnapshots(ctx, id, "k", 1); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(ctx)
	end()
	if err := store.Purge(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("in an ended context: %v", err)
	}
	for range 2 {
		if err := store.Purge(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil { // Pebble deletes old tables soon, and now at the latest
		t.Fatal(err)
	}
	for what, bytes := range map[string][]byte{"state": state, "snapshot": snapshot} {
		for _, name := range inFiles(t, dir, bytes) {
			if !strings.HasSuffix(name, ".log") {
				t.Errorf("the old %s is in %s", what, name)
			}
		}
	}
	store = open()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for what, bytes := range map[string][]byte{"state": state, "snapshot": snapshot} {
		if found := inFiles(t, dir, bytes); len(found) > 0 {
			t.Errorf("after another start the old %s is in %v", what, found)
		}
	}
	store = open()
	if got, err := store.State(ctx, view, other); err != nil || string(got.Data) != string(kept) {
		t.Errorf("another state is %q, %v", got.Data, err)
	}
	if got, err := store.State(ctx, view, id); err != nil || string(got.Data) != "erased" {
		t.Errorf("the state is %q, %v", got.Data, err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Purge(ctx); !errors.Is(err, ports.ErrClosed) {
		t.Errorf("of a closed store: %v", err)
	}
}
