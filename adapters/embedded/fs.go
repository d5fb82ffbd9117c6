package embedded

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/ports/portkit"
)

// watchedFS is what Pebble writes through. It tells the store how much of each MANIFEST is durable, and it makes the first failure
// of a log or a MANIFEST final: the store learns of it, and not a byte is written to a log or a MANIFEST any more, so that the
// directory stays as it is until it is opened again. Pebble itself expects its process to end then, and cannot be left to go on:
//
//   - When a log fails, it panics, with its locks held. So it is not told: what it writes to logs goes nowhere. No harm comes
//     of that, as the store answers for the outcome of every write, and the older logs are needed until a MANIFEST says
//     otherwise.
//   - When a MANIFEST fails, it tries again, and would list the same data twice. So the trying fails as well.
type watchedFS struct {
	vfs.FS
	// failed is called with such an error, and stopped returns one from the first failure on.
	failed  func(error)
	stopped func() error
	// synced is called after the first size bytes of a MANIFEST became durable.
	synced func(manifest string, size int64) error
	// table is called before a table is made, which is where a background job begins to write.
	table func()
}

// Unwrap implements [vfs.FS].
func (w *watchedFS) Unwrap() vfs.FS { return w.FS }

// Create implements [vfs.FS].
func (w *watchedFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasSuffix(name, ".sst") {
		w.table()
	}
	return w.watch(name, func() (vfs.File, error) { return w.FS.Create(name, category) })
}

// ReuseForWrite implements [vfs.FS].
func (w *watchedFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return w.watch(newname, func() (vfs.File, error) { return w.FS.ReuseForWrite(oldname, newname, category) })
}

// watch makes a file, and watches it if it is a log or a MANIFEST.
func (w *watchedFS) watch(path string, create func() (vfs.File, error)) (vfs.File, error) {
	f := &watchedFile{fs: w, name: w.PathBase(path)}
	f.log = strings.HasSuffix(f.name, ".log")
	f.manifest = strings.HasPrefix(f.name, "MANIFEST-")
	if !f.log && !f.manifest {
		return create()
	}
	err := f.do("create", func() (err error) {
		f.File, err = create()
		return err
	})
	if err != nil {
		return nil, err
	}
	if f.File == nil {
		f.File = noFile{}
	}
	return f, nil
}

// watchedFile is a log or a MANIFEST that is being written.
type watchedFile struct {
	vfs.File
	fs            *watchedFS
	name          string
	log, manifest bool
	written       int64
}

// Write implements [vfs.File].
func (f *watchedFile) Write(p []byte) (int, error) {
	n := len(p) // for a write that goes nowhere
	err := f.do("write", func() (err error) {
		n, err = f.File.Write(p)
		f.written += int64(n)
		return err
	})
	if err == nil {
		n = len(p)
	}
	return n, err
}

// Sync implements [vfs.File].
func (f *watchedFile) Sync() error { return f.sync(f.File.Sync) }

// SyncData implements [vfs.File].
func (f *watchedFile) SyncData() error { return f.sync(f.File.SyncData) }

func (f *watchedFile) sync(sync func() error) error {
	return f.do("sync", func() error {
		if err := sync(); err != nil || !f.manifest {
			return err
		}
		return f.fs.synced(f.name, f.written)
	})
}

// SyncTo implements [vfs.File]. Pebble does not rely on it for what has to be durable.
func (f *watchedFile) SyncTo(length int64) (full bool, err error) {
	err = f.do("sync", func() error {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

// Close implements [vfs.File].
func (f *watchedFile) Close() error {
	err := f.File.Close()
	if err != nil {
		f.fs.failed(fmt.Errorf("close %s: %w", f.name, err))
	}
	return f.told(err)
}

// do does something to the file, unless there was a failure before. If it fails, that is the failure.
func (f *watchedFile) do(what string, operation func() error) error {
	if err := f.fs.stopped(); err != nil {
		return f.told(err)
	}
	err := portkit.Protect(operation) // Pebble's goroutines have nobody who recovers
	if err != nil {
		f.fs.failed(fmt.Errorf("%s %s: %w", what, f.name, err))
	}
	return f.told(err)
}

// told returns what Pebble is told about an error.
func (f *watchedFile) told(err error) error {
	if f.log {
		return nil
	}
	return err
}

// noFile stands for a log that could not be made.
type noFile struct{ vfs.File }

var errNoFile = errors.New("there is no such file")

func (noFile) Close() error                      { return nil }
func (noFile) Preallocate(_, _ int64) error      { return nil }
func (noFile) Prefetch(_, _ int64) error         { return nil }
func (noFile) Fd() uintptr                       { return vfs.InvalidFd }
func (noFile) Stat() (vfs.FileInfo, error)       { return nil, errNoFile }
func (noFile) Read([]byte) (int, error)          { return 0, errNoFile }
func (noFile) ReadAt([]byte, int64) (int, error) { return 0, errNoFile }
