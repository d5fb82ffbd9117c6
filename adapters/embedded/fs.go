package embedded

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

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
//
// While Pebble opens, it tries again without end when it cannot write what a log holds to a table, and nothing can interrupt it.
// So until opened is set, the first failure of anything is final, everything that would change the directory after it goes
// nowhere and passes for done, and nothing more is read from a file. Pebble then comes out of it soon, and the store closes it. The
// end of the context of Open is such a failure, too.
type watchedFS struct {
	vfs.FS
	// opened is set when Pebble is open and in use.
	opened *atomic.Bool
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

// Open implements [vfs.FS].
func (w *watchedFS) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := w.FS.Open(name, options...)
	if err != nil || w.opened.Load() {
		return f, err
	}
	return &openingFile{File: f, fs: w}, nil
}

// OpenDir implements [vfs.FS].
func (w *watchedFS) OpenDir(name string) (vfs.File, error) {
	return w.watch(name, func() (vfs.File, error) { return w.FS.OpenDir(name) })
}

// Remove implements [vfs.FS].
func (w *watchedFS) Remove(name string) error {
	return w.change("remove", name, func() error { return w.FS.Remove(name) })
}

// RemoveAll implements [vfs.FS].
func (w *watchedFS) RemoveAll(name string) error {
	return w.change("remove", name, func() error { return w.FS.RemoveAll(name) })
}

// Rename implements [vfs.FS].
func (w *watchedFS) Rename(oldname, newname string) error {
	return w.change("rename", oldname, func() error { return w.FS.Rename(oldname, newname) })
}

// Link implements [vfs.FS].
func (w *watchedFS) Link(oldname, newname string) error {
	return w.change("link", oldname, func() error { return w.FS.Link(oldname, newname) })
}

// MkdirAll implements [vfs.FS].
func (w *watchedFS) MkdirAll(dir string, mode os.FileMode) error {
	return w.change("make", dir, func() error { return w.FS.MkdirAll(dir, mode) })
}

// change changes the directory, unless that is over because opening it has failed.
func (w *watchedFS) change(what, name string, operation func() error) error {
	if w.opened.Load() {
		return operation()
	}
	if w.stopped() != nil {
		return nil
	}
	err := operation()
	if err == nil || isNotExist(err) {
		return err
	}
	w.failed(fmt.Errorf("%s %s: %w", what, w.PathBase(name), err))
	return nil
}

// ReuseForWrite implements [vfs.FS].
func (w *watchedFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return w.watch(newname, func() (vfs.File, error) { return w.FS.ReuseForWrite(oldname, newname, category) })
}

// watch makes a file, and watches it if it is a log or a MANIFEST, or if its failure would keep Pebble from being opened.
func (w *watchedFS) watch(path string, create func() (vfs.File, error)) (vfs.File, error) {
	f := &watchedFile{fs: w, name: w.PathBase(path)}
	f.log = strings.HasSuffix(f.name, ".log")
	f.manifest = strings.HasPrefix(f.name, "MANIFEST-")
	if !f.log && !f.manifest && w.opened.Load() {
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

// watchedFile is a file that is being written.
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
	if err != nil && f.final() {
		f.fs.failed(fmt.Errorf("close %s: %w", f.name, err))
	}
	return f.told(err)
}

// final says whether a failure is the end.
func (f *watchedFile) final() bool { return f.log || f.manifest || !f.fs.opened.Load() }

// do does something to the file, unless there was a failure before. If it fails, that is the failure.
func (f *watchedFile) do(what string, operation func() error) error {
	if !f.final() {
		return operation()
	}
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
	if f.log || !f.fs.opened.Load() {
		return nil
	}
	return err
}

// openingFile is a file that was opened to be read before Pebble was open.
type openingFile struct {
	vfs.File
	fs *watchedFS
}

// Read implements [vfs.File].
func (f *openingFile) Read(p []byte) (int, error) {
	if err := f.over(); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

// ReadAt implements [vfs.File].
func (f *openingFile) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.over(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, offset)
}

func (f *openingFile) over() error {
	if f.fs.opened.Load() {
		return nil
	}
	return f.fs.stopped()
}

// noFile stands for a file that could not be made.
type noFile struct{ vfs.File }

var errNoFile = errors.New("there is no such file")

func (noFile) Close() error                      { return nil }
func (noFile) Preallocate(_, _ int64) error      { return nil }
func (noFile) Prefetch(_, _ int64) error         { return nil }
func (noFile) Fd() uintptr                       { return vfs.InvalidFd }
func (noFile) Stat() (vfs.FileInfo, error)       { return nil, errNoFile }
func (noFile) Read([]byte) (int, error)          { return 0, errNoFile }
func (noFile) ReadAt([]byte, int64) (int, error) { return 0, errNoFile }
