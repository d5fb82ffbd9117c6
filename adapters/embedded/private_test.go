package embedded_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"orderflow/adapters/embedded"
)

// expectPrivate expects every directory of a data directory to be 0700 and every file 0600. The
// jobs of Pebble may be at work. A file gets its mode right after its creation, so a wrong mode is
// looked at again. A file that is deleted before that is left out.
func expectPrivate(t *testing.T, dir, when string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		want := fs.FileMode(0o600)
		if entry != nil && entry.IsDir() {
			want = 0o700
		}
		var got fs.FileMode
		for range 100 {
			var info fs.FileInfo
			if err == nil {
				info, err = os.Lstat(path)
			}
			if errors.Is(err, fs.ErrNotExist) && path != dir {
				return nil
			}
			if err != nil {
				return err
			}
			if got = info.Mode().Perm(); got == want {
				return nil
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%s: %s has mode %o, want %o", when, path, got, want)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestOpen_FilesAreTheOwnersAlone checks the modes of a new directory, of one that existed before,
// and of one that an earlier version has written.
func TestOpen_FilesAreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, dir string){
		"a new directory": func(*testing.T, string) {},
		"an empty one": func(t *testing.T, dir string) {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		},
		"old data": func(t *testing.T, dir string) {
			for file, content := range oldData(t, "killed") {
				path := filepath.Join(filepath.Dir(dir), file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				write(t, path, string(content))
				if err := os.Chmod(path, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			prepare(t, dir)
			store, err := embedded.Open(t.Context(), embedded.Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			expectPrivate(t, dir, "open")
			logs := 0
			more := func() bool { // until Pebble has made new files of each kind
				files, err := filepath.Glob(filepath.Join(dir, "pebble", "*.sst"))
				if err != nil {
					t.Fatal(err)
				}
				logs++
				return len(files) > 2 || logs > 400
			}
			if err := appendUntil(store, more, new(acknowledged)); err != nil {
				t.Fatal(err)
			}
			if err := store.SetAddress("http://127.0.0.1:1"); err != nil {
				t.Fatal(err)
			}
			if _, err := store.StoreID(t.Context()); err != nil {
				t.Fatal(err)
			}
			expectPrivate(t, dir, "at work")
			mustClose(t, store)
			expectPrivate(t, dir, "closed")
		})
	}
}
