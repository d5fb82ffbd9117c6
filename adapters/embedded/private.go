package embedded

import (
	"io"
	iofs "io/fs"
	"log/slog"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The modes of everything in the data directory: it holds personal data.
const (
	privateDir  = 0o700
	privateFile = 0o600
)

// privateFS gives everything that is made modes that keep others out. The umask of the process could do that as well, but it
// belongs to the whole process.
type privateFS struct{ vfs.FS }

// private wraps the file system of the operating system. Others, which are in memory, have no modes.
func private(fs vfs.FS) vfs.FS {
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

// OpenReadWrite implements [vfs.FS]. It makes the file if it is not there.
func (p privateFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := p.FS.OpenReadWrite(name, category, options...)
	return f, hide(name, err)
}

// Lock implements [vfs.FS]. It makes the file if it is not there.
func (p privateFS) Lock(name string) (io.Closer, error) {
	lock, err := p.FS.Lock(name)
	return lock, hide(name, err)
}

// MkdirAll implements [vfs.FS].
func (p privateFS) MkdirAll(dir string, _ os.FileMode) error { return p.FS.MkdirAll(dir, privateDir) }

// hide sets the mode of a file that was just made, unless that failed. A file system that has no such modes is no reason to
// fail; [tighten] says so.
func hide(name string, err error) error {
	if err == nil {
		_ = os.Chmod(name, privateFile)
	}
	return err
}

// tighten sets the modes of what is there already, also of directories that somebody else has made. Where that is not allowed,
// such as for a directory that belongs to somebody else, it warns.
func tighten(fs vfs.FS, log *slog.Logger, dirs ...string) {
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

// chmod sets the mode of a file or a directory, unless it is that already.
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
	if first != nil || isNotExist(next) {
		return first
	}
	return next
}
