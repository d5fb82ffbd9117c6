package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/adapters/embedded"
	"orderflow/ports"
)

// expectUntouched fails the test unless the data directory has the same files as before. The file
// LOCK is empty in any case.
func expectUntouched(t *testing.T, fs vfs.FS, before files) {
	t.Helper()
	after := filesOf(t, fs)
	delete(before, "data/LOCK")
	delete(after, "data/LOCK")
	if len(before) < 5 || !maps.EqualFunc(before, after, bytes.Equal) {
		t.Errorf("the original has changed; it had %d files, and has %d", len(before), len(after))
	}
}

func TestCopy_LeavesTheOriginalAsItIs(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	want := backedUp(t, fs)
	before := filesOf(t, fs)
	options := embedded.Options{Dir: "/copy", FS: fs}
	if err := embedded.Copy(t.Context(), "/data", options); err != nil {
		t.Fatal(err)
	}
	store, err := embedded.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	expectHistories(t, store, want)
	for range 200 {
		mustAppend(t, store, command(newID(), 0, 3))
	}
	mustClose(t, store)
	expectUntouched(t, fs, before)
}

// An earlier version can still open what was copied.
func TestCopy_DoesNotMigrateTheOriginal(t *testing.T) {
	t.Parallel()
	fs := oldData(t, "closed").fs(t, "", nil)
	before := filesOf(t, fs)
	options := embedded.Options{Dir: "copy", FS: fs}
	if err := embedded.Copy(t.Context(), "data", options); err != nil {
		t.Fatal(err)
	}
	store, err := embedded.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	checkOldData(t, store)
	mustClose(t, store)
	expectUntouched(t, fs, before)
}

func TestCopy_Refusals(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	backedUp(t, fs)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	running, err := embedded.Open(t.Context(), embedded.Options{Dir: "/running", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, running)
	for _, test := range []struct {
		name, from, to string
		ctx            context.Context
		want           error
	}{
		{"a store that is in use", "/running", "/new1", t.Context(), ports.ErrLocked},
		{"no store", "/nowhere", "/new2", t.Context(), os.ErrNotExist},
		{"something else", "/backup", "/new3", t.Context(), embedded.ErrNotOurs},
		{"a target that is not empty", "/data", "/backup", t.Context(), embedded.ErrNotOurs},
		{"a context that has ended", "/data", "/new4", ended, context.Canceled},
	} {
		err := embedded.Copy(test.ctx, test.from, embedded.Options{Dir: test.to, FS: fs})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if _, err := fs.Stat(test.to + "/VERSION"); test.to != "/data" && err == nil {
			t.Errorf("%s: there is a store now", test.name)
		}
	}
}

func TestIsBackup(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	backedUp(t, fs)
	for dir, want := range map[string]bool{"/backup": true, "/data": false, "/nowhere": false} {
		if got, err := embedded.IsBackup(dir, embedded.Options{Dir: "-", FS: fs}); got != want || err != nil {
			t.Errorf("%s: %t, %v", dir, got, err)
		}
	}
}
