package engine

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/adapters/embedded/internal/datadir"
	"orderflow/ports/portkit"
)

// watchedFS is the file system that Pebble writes to. It reports how much of each MANIFEST is
// durable. It also makes the first failure of a log or a MANIFEST final: the failure is reported,
// and nothing more is written to a log or a MANIFEST. So the directory stays as it is until it is
// opened again. Pebble itself expects that its process ends then:
//
//   - When a log fails, it panics and holds its locks. So it is not told, and what it writes to a
//     log is dropped. That does no harm, because the DB answers for the outcome of every write, and
//     the older logs are needed until a MANIFEST says otherwise.
//   - When a MANIFEST fails, it tries again, and would list the same data twice. So the second
//     attempt fails as well.
//
// While Pebble opens a directory, it writes its logs to tables. If that fails it tries again
// without end, and nothing can interrupt it. So until opened is set, the first failure of any
// operation is final. After it every operation that would change the directory is dropped and
// succeeds, and every read fails. Then Pebble returns soon, and the DB closes it. The end of the
// context of Open is such a failure as well.
type watchedFS struct {
	vfs.FS
	// dir is the directory of Pebble.
	dir string
	// opened is set when Pebble is open and in use.
	opened *atomic.Bool
	// failed is called with a failure. stopped returns an error after the first failure.
	failed  func(error)
	stopped func() error
	// synced is called when the first size bytes of a MANIFEST are durable.
	synced func(manifest string, size int64) error
	// table is called before a table is created. That is where a job of Pebble begins to write.
	table func()
	// forgets says that an old log is deleted and not used again: it has what was written to it
	// before, up to where it is overwritten.
	forgets bool
}

// Unwrap implements [vfs.FS].
func (w *watchedFS) Unwrap() vfs.FS { return w.FS }

// Create implements [vfs.FS].
func (w *watchedFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasSuffix(name, ".sst") && w.PathDir(name) == w.dir {
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

// change changes the directory, unless opening it has failed.
func (w *watchedFS) change(what, name string, operation func() error) error {
	if w.opened.Load() {
		return operation()
	}
	if w.stopped() != nil {
		return nil
	}
	err := operation()
	if err == nil || datadir.IsNotExist(err) {
		return err
	}
	w.failed(fmt.Errorf("%s %s: %w", what, w.PathBase(name), err))
	return nil
}

// ReuseForWrite implements [vfs.FS].
func (w *watchedFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return w.watch(newname, func() (vfs.File, error) {
		if !w.forgets {
			return w.FS.ReuseForWrite(oldname, newname, category)
		}
		if err := w.FS.Remove(oldname); err != nil {
			return nil, err
		}
		return w.FS.Create(newname, category)
	})
}

// watch creates a file. It watches a log, a MANIFEST, and while Pebble opens every file.
func (w *watchedFS) watch(path string, create func() (vfs.File, error)) (vfs.File, error) {
	if w.opened.Load() && w.PathDir(path) != w.dir {
		return create() // a file of a checkpoint, whose failure is none of the DB
	}
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
	n := len(p) // for a write that is dropped
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

// SyncTo implements [vfs.File]. Pebble does not use it where data must be durable.
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

// final reports whether a failure of the file is final.
func (f *watchedFile) final() bool { return f.log || f.manifest || !f.fs.opened.Load() }

// do runs an operation on the file, unless there was a failure before.
func (f *watchedFile) do(what string, operation func() error) error {
	if !f.final() {
		return operation()
	}
	if err := f.fs.stopped(); err != nil {
		return f.told(err)
	}
	err := portkit.Protect(operation) // no function recovers in the goroutines of Pebble
	if err != nil {
		f.fs.failed(fmt.Errorf("%s %s: %w", what, f.name, err))
	}
	return f.told(err)
}

// told returns the error that Pebble gets.
func (f *watchedFile) told(err error) error {
	if f.log || !f.fs.opened.Load() {
		return nil
	}
	return err
}

// openingFile is a file that Pebble has opened for reading while it was opening.
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

// noFile replaces a file that could not be created.
type noFile struct{ vfs.File }

var errNoFile = errors.New("there is no such file")

func (noFile) Close() error                      { return nil }
func (noFile) Preallocate(_, _ int64) error      { return nil }
func (noFile) Prefetch(_, _ int64) error         { return nil }
func (noFile) Fd() uintptr                       { return vfs.InvalidFd }
func (noFile) Stat() (vfs.FileInfo, error)       { return nil, errNoFile }
func (noFile) Read([]byte) (int, error)          { return 0, errNoFile }
func (noFile) ReadAt([]byte, int64) (int, error) { return 0, errNoFile }
