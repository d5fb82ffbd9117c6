package datadir

import (
	"io"
	iofs "io/fs"
	"log/slog"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The modes of everything in the data directory.
const (
	privateDir  = 0o700
	privateFile = 0o600
)

// privateFS creates files and directories that only their owner can open. The umask could do that
// as well, but it belongs to the whole process.
type privateFS struct{ vfs.FS }

// Private wraps the file system of the operating system, so that only the owner can open what is
// created. File systems in memory have no modes and are returned as they are.
func Private(fs vfs.FS) vfs.FS {
	if vfs.Root(fs) != vfs.Default {
		return fs
	}
	return privateFS{fs}
}

// Unwrap implements [vfs.FS].
func (p privateFS) Unwrap() vfs.FS { return p.FS }

// Create implements [vfs.FS].
func (p privateFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := p.FS.Create(name, category)
	return f, hide(name, err)
}

// ReuseForWrite implements [vfs.FS].
func (p privateFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := p.FS.ReuseForWrite(oldname, newname, category)
	return f, hide(newname, err)
}

// OpenReadWrite implements [vfs.FS]. It creates a file that does not exist.
func (p privateFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := p.FS.OpenReadWrite(name, category, options...)
	return f, hide(name, err)
}

// Lock implements [vfs.FS]. It creates a file that does not exist.
func (p privateFS) Lock(name string) (io.Closer, error) {
	lock, err := p.FS.Lock(name)
	return lock, hide(name, err)
}

// MkdirAll implements [vfs.FS].
func (p privateFS) MkdirAll(dir string, _ os.FileMode) error { return p.FS.MkdirAll(dir, privateDir) }

// hide sets the mode of a file that was created, unless err says that it was not. A file system
// without modes is no reason to fail; Tighten reports it.
func hide(name string, err error) error {
	if err == nil {
		_ = os.Chmod(name, privateFile)
	}
	return err
}

// Tighten sets the modes of the directories and of all files in them. If that is not allowed, for
// example because a directory belongs to another user, it logs a warning.
func Tighten(fs vfs.FS, log *slog.Logger, dirs ...string) {
	if _, ok := fs.(privateFS); !ok {
		return
	}
	var first error
	for _, dir := range dirs {
		names, err := fs.List(dir)
		first = firstError(first, err)
		first = firstError(first, chmod(fs, dir))
		for _, name := range names {
			first = firstError(first, chmod(fs, fs.PathJoin(dir, name)))
		}
	}
	if first != nil {
		log.Warn("others may be able to read the data directory; make it belong to the user of this process, with mode 0700",
			"dir", dirs[0], "error", first)
	}
}

// chmod sets the mode of a file or a directory, unless it is strict enough.
func chmod(fs vfs.FS, path string) error {
	info, err := fs.Stat(path)
	if err != nil {
		return err
	}
	mode := iofs.FileMode(privateFile)
	if info.IsDir() {
		mode = privateDir
	}
	if info.Mode().Perm()&^mode == 0 {
		return nil
	}
	return os.Chmod(path, mode)
}

func firstError(first, next error) error {
	if first != nil || IsNotExist(next) {
		return first
	}
	return next
}
