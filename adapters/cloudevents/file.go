package cloudevents

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"orderflow/ports"
)

// handle is the part of [os.File] that is needed, for a file that was opened for reading and
// appending.
type handle interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error
	Truncate(size int64) error
}

// file appends to the file at a path and keeps it valid: it holds complete and durable lines, and
// nothing else.
type file struct {
	path string
	open func(path string) (handle, error)
	// handle is nil while the file could not be opened again.
	handle handle
	// size is the length of the durable part.
	size int64
	// damaged says that the file may be longer than size, by bytes whose write or sync failed.
	damaged bool
	// identity is the identity of the file, and first a digest of its first line.
	identity, first string
	// gone is set permanently when the file was deleted while it was open.
	gone error
}

func (f *file) write(lines []byte) (int, error) {
	if err := f.prepare(); err != nil {
		return 0, unavailable("prepare", err)
	}
	first := f.noteFirst(lines[:bytes.IndexByte(lines, '\n')+1])
	_, err := f.handle.Write(lines)
	if err == nil {
		err = f.handle.Sync()
	}
	if err == nil {
		f.size += int64(len(lines))
		f.first = first
		return len(lines), nil
	}
	f.damaged = true
	if again := f.restore(); again != nil {
		return 0, fmt.Errorf("append to %s: %w: %w, and then %w", f.path, ports.ErrOutcomeUnknown, err, again)
	}
	return 0, unavailable("append to "+f.path, err)
}

func (f *file) length() int64 { return f.size }

// prepare makes sure that f has only complete lines and that the path still leads to it.
func (f *file) prepare() error {
	if f.damaged {
		if err := f.restore(); err != nil {
			return err
		}
	}
	if f.handle != nil && f.undisturbed() {
		return nil
	}
	if f.gone == nil {
		f.gone = f.deleted()
	}
	if f.gone != nil {
		return f.gone
	}
	return f.reopen()
}

// deleted returns an error when the open file was deleted, so that it has no name any more. Its
// events are in no file now, so a writer that continued would leave a gap.
func (f *file) deleted() error {
	if f.handle == nil {
		return nil
	}
	info, err := f.handle.Stat()
	if err != nil {
		return err
	}
	if _, _, links := inodeOf(info); links > 0 {
		return nil
	}
	return fmt.Errorf("%s was deleted, and with it the events that were published before; restart the service, "+
		"which takes what is at the path then for a new target", f.path)
}

// undisturbed reports whether the path still leads to the open file, and no other program has
// changed its length.
func (f *file) undisturbed() bool {
	opened, err := f.handle.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(f.path)
	return err == nil && os.SameFile(opened, there) && there.Size() == f.size
}

// restore cuts off what a failed write has left.
func (f *file) restore() error {
	if err := f.handle.Truncate(f.size); err != nil {
		return err
	}
	if err := f.handle.Sync(); err != nil {
		return err
	}
	f.damaged = false
	return nil
}

// reopen opens the file at the path and closes the one that was open, if any.
func (f *file) reopen() error {
	if err := f.close(); err != nil {
		return err
	}
	if err := makeParents(f.path); err != nil {
		return err
	}
	_, err := os.Stat(f.path)
	created := errors.Is(err, fs.ErrNotExist)
	h, err := f.open(f.path)
	if err != nil {
		return err
	}
	size, err := repair(h)
	if err == nil {
		err = syncDir(filepath.Dir(f.path))
	}
	if err == nil {
		f.handle, f.size = h, size
		err = f.identify(created)
	}
	if err != nil {
		f.handle = nil
		return errors.Join(fmt.Errorf("open %s: %w", f.path, err), h.Close())
	}
	return nil
}

func (f *file) close() error {
	if f.handle == nil {
		return nil
	}
	h := f.handle
	f.handle = nil
	return h.Close()
}

// The modes of new files and directories. Events may hold personal data.
const (
	privateDir  = 0o700
	privateFile = 0o600
)

func openHandle(path string) (handle, error) {
	// Without this check the error would be about an operation that pipes and devices do not have.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open %s: not a regular file", path)
	}
	h, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, privateFile)
	if err != nil {
		return nil, err // an *os.PathError says enough
	}
	return h, nil
}

var errForeign = errors.New("the file does not start with a CloudEvent of this program; choose another path")

// repair cuts or completes h to complete lines, durably, and returns its length.
func repair(h handle) (int64, error) {
	info, err := h.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	if err := checkOpening(h, size); err != nil {
		return 0, err
	}
	// An incomplete line is shorter than this, so the newline before it is in tail.
	tail := make([]byte, min(size, maxEvent))
	start := size - int64(len(tail))
	if _, err := h.ReadAt(tail, start); err != nil {
		return 0, err
	}
	end := bytes.LastIndexByte(tail, '\n') + 1
	last := tail[end:]
	switch {
	case end == 0 && start > 0:
		return 0, fmt.Errorf("%w: no end of a line in the last %d bytes", ports.ErrCorrupt, len(tail))
	case len(last) == 0:
	case json.Valid(last):
		if _, err := h.Write([]byte("\n")); err != nil {
			return 0, err
		}
		size++
	default:
		size = start + int64(end)
		if err := h.Truncate(size); err != nil {
			return 0, err
		}
	}
	return size, h.Sync()
}

// checkOpening refuses a file that is not of this package. The first line may be incomplete.
func checkOpening(h handle, size int64) error {
	head := make([]byte, min(size, int64(len(opening))))
	if _, err := h.ReadAt(head, 0); err != nil {
		return err
	}
	if !strings.HasPrefix(opening, string(head)) {
		return errForeign
	}
	return nil
}

// makeParents creates the parent directories of path, durably.
func makeParents(path string) error {
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeParents(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, privateDir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// syncDir makes the entries of a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
