package cloudevents_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderflow/adapters/cloudevents"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// reopened publishes records to the file at path and returns its identity. The file is closed
// afterwards.
func reopened(t *testing.T, path string, records ...eventsourcing.Record) string {
	t.Helper()
	p, err := cloudevents.OpenFile(path, cloudevents.Config{})
	if err != nil {
		t.Fatal(err)
	}
	identity := p.Identity()
	publish(t, p, records...)
	if p.Identity() != identity {
		t.Errorf("the identity changed from %q to %q while the file was open", identity, p.Identity())
	}
	closePublisher(t, p)
	if read, err := cloudevents.ReadIdentity(path); read != identity || err != nil {
		t.Errorf("read identity %q, error %v, want %q", read, err, identity)
	}
	if identity == "" {
		t.Error("no identity")
	}
	return identity
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	// Each of these happens to a file while no publisher has it open.
	for name, test := range map[string]struct {
		written int // events before
		happens func(t *testing.T, path string)
		kept    bool
	}{
		"a restart":                     {3, func(*testing.T, string) {}, true},
		"a restart before any event":    {0, func(*testing.T, string) {}, true},
		"a crash within the first line": {0, func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte(cloudevents.Opening), 0o600)) }, true},
		"deletion":                      {3, func(t *testing.T, path string) { must(t, os.Remove(path)) }, false},
		"deletion of an empty file":     {0, func(t *testing.T, path string) { must(t, os.Remove(path)) }, false},
		"deletion of both files":        {3, func(t *testing.T, path string) { must(t, os.Remove(path), os.Remove(path+".id")) }, false},
		"deletion of its directory":     {3, func(t *testing.T, path string) { must(t, os.RemoveAll(filepath.Dir(path))) }, false},
		"replacement by another file": {3, func(t *testing.T, path string) {
			must(t, os.WriteFile(path+".new", encoded(t, history(2)...), 0o600), os.Rename(path+".new", path))
		}, false},
		"replacement by a copy": {3, func(t *testing.T, path string) {
			content, err := os.ReadFile(path)
			must(t, err, os.WriteFile(path+".new", content, 0o600), os.Rename(path+".new", path))
		}, true},
		"rotation by rename": {3, func(t *testing.T, path string) { must(t, os.Rename(path, path+".1")) }, true},
		"deletion, and its inode is that of something else": {3, func(t *testing.T, path string) {
			other := filepath.Join(filepath.Dir(path), "other")
			must(t, os.Rename(path, other), os.WriteFile(other, []byte("something else\n"), 0o600))
		}, false},
		"rotation by copy and truncation": {3, func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) }, true},
		"a move to another directory": {3, func(t *testing.T, path string) {
			moved := filepath.Join(filepath.Dir(path), "moved")
			must(t, os.Mkdir(moved, 0o700), os.Rename(path, filepath.Join(moved, "f")), os.Rename(path+".id", filepath.Join(moved, "f.id")))
			content, err := os.ReadFile(filepath.Join(moved, "f"))
			id, idErr := os.ReadFile(filepath.Join(moved, "f.id"))
			must(t, err, idErr, os.RemoveAll(moved), os.WriteFile(path, content, 0o600), os.WriteFile(path+".id", id, 0o600))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "sub", "events.jsonl")
			records := history(test.written + 2)
			before := reopened(t, path, records[:test.written]...)
			test.happens(t, path)
			after := reopened(t, path, records[test.written])
			if (before == after) != test.kept {
				t.Errorf("identity %q became %q", before, after)
			}
			if again := reopened(t, path, records[test.written+1]); again != after {
				t.Errorf("identity %q became %q at the next start", after, again)
			}
		})
	}

	t.Run("two files have two", func(t *testing.T) {
		t.Parallel()
		first, second := reopened(t, tempPath(t)), reopened(t, tempPath(t))
		if first == second {
			t.Error("they have the same identity")
		}
	})

	t.Run("a file of an earlier version has one that does not depend on anything else", func(t *testing.T) {
		t.Parallel()
		content := encoded(t, history(2)...)
		var identities []string
		for range 2 {
			path := tempPath(t)
			must(t, os.WriteFile(path, content, 0o600))
			read, err := cloudevents.ReadIdentity(path)
			must(t, err)
			identities = append(identities, read, reopened(t, path))
		}
		for _, identity := range identities {
			if identity != identities[0] || identity == "" {
				t.Errorf("identities %q", identities)
			}
		}
	})

	t.Run("of a file that is not there is none", func(t *testing.T) {
		t.Parallel()
		path := tempPath(t)
		if read, err := cloudevents.ReadIdentity(path); read != "" || err != nil {
			t.Errorf("identity %q, error %v", read, err)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("reading the identity made the file: %v", err)
		}
	})

	t.Run("that cannot be read is an error with the way out", func(t *testing.T) {
		t.Parallel()
		path := tempPath(t)
		reopened(t, path, history(1)...)
		must(t, os.WriteFile(path+".id", []byte("{"), 0o600))
		_, err := cloudevents.OpenFile(path, cloudevents.Config{})
		_, readErr := cloudevents.ReadIdentity(path)
		for _, err := range []error{err, readErr} {
			if !errors.Is(err, ports.ErrCorrupt) || !strings.Contains(err.Error(), path+".id") || !strings.Contains(err.Error(), "delete it") {
				t.Errorf("error %v, want %v with the name of the file and the way out", err, ports.ErrCorrupt)
			}
		}
	})

	t.Run("of a stream is none", func(t *testing.T) {
		t.Parallel()
		p := cloudevents.NewWriter(&strings.Builder{}, cloudevents.Config{})
		if p.Identity() != "" {
			t.Errorf("identity %q", p.Identity())
		}
		closePublisher(t, p)
	})
}

func TestFile_DeletedWhileItIsOpen(t *testing.T) {
	t.Parallel()
	for name, happens := range map[string]func(path string) error{
		"the file":                os.Remove,
		"its directory":           func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
		"the file, and a new one": func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) },
		"the file, by another one": func(path string) error {
			return errors.Join(os.WriteFile(path+"2", nil, 0o600), os.Rename(path+"2", path))
		},
	} {
		t.Run(name+" ends publishing until a new start", func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "sub", "events.jsonl")
			records := history(5)
			p := openFile(t, path)
			before := p.Identity()
			publish(t, p, records[:2]...)
			must(t, happens(path))
			for range 2 {
				err := p.Publish(t.Context(), records[2])
				if !errors.Is(err, ports.ErrUnavailable) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "restart") {
					t.Errorf("error %v, want %v with the name of the file and the way out", err, ports.ErrUnavailable)
				}
			}
			closePublisher(t, p)
			if content, err := os.ReadFile(path); len(content) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the new file holds %q, error %v", content, err)
			}
			if after := reopened(t, path, records...); after == before {
				t.Error("the new file has the identity of the old one")
			}
			if diff := cmp.Diff(records, decodeFile(t, path)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestOpenFile_IsItsOwnersAlone checks the modes of new files and directories.
func TestOpenFile_IsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sub", "events.jsonl")
	reopened(t, path, history(1)...)
	for name, want := range map[string]fs.FileMode{path: 0o600, path + ".id": 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, error %v, want %o", name, info.Mode().Perm(), err, want)
		}
	}
}

// TestWriter_WhoseReaderIsGone writes to a pipe that has no reader.
func TestWriter_WhoseReaderIsGone(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	must(t, err, r.Close())
	defer w.Close()
	p := cloudevents.NewWriter(w, cloudevents.Config{})
	for range 2 {
		err := p.Publish(t.Context(), history(1)[0])
		if !errors.Is(err, ports.ErrUnavailable) || !errors.Is(err, syscall.EPIPE) || !strings.Contains(err.Error(), "restart the service") {
			t.Errorf("error %v, want %v with the way out", err, ports.ErrUnavailable)
		}
	}
	closePublisher(t, p)
}
