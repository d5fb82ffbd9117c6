package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/adapters/embedded/internal/datadir"
	"orderflow/ports"
)

const (
	// openMargin is what opening needs beside the room for the tables that it makes from the logs.
	openMargin = 16 << 20
	// lookInterval is how often the free space is looked at. lookBytes is after how many written
	// bytes it is looked at in addition.
	lookInterval = time.Second
	lookBytes    = 8 << 20
)

// space knows whether the disk has room. It stops the writing before Pebble finds the disk full,
// see the package documentation.
type space struct {
	fs      vfs.FS
	dir     string
	reserve uint64
	jobs    *jobs
	log     *slog.Logger

	// left is how many bytes may be written before the next look.
	left atomic.Int64
	// short is why nothing is written. It is nil while there is room.
	short atomic.Pointer[error]
	// free is the free space at the last look. known reports whether the file system reports it.
	free  atomic.Uint64
	known atomic.Bool
	// looking allows one look at a time.
	looking sync.Mutex
}

// take asks for room for n bytes. It returns ports.ErrFull when there is none.
func (s *space) take(n int) error {
	if s.left.Add(-int64(n)) < 0 {
		s.look()
	}
	if short := s.short.Load(); short != nil {
		return *short
	}
	return nil
}

// look compares the free space with the reserve. Writing continues when there is some more than
// that, so that it does not begin and end all the time.
func (s *space) look() {
	s.looking.Lock()
	defer s.looking.Unlock()
	s.left.Store(lookBytes)
	usage, err := s.fs.GetDiskUsage(s.dir)
	wanted, before := min(s.reserve, usage.TotalBytes/10), s.short.Load()
	if before != nil {
		wanted += wanted / 8
	}
	s.known.Store(err == nil)
	s.free.Store(usage.AvailBytes)
	var short error
	switch {
	case err == nil && usage.AvailBytes < wanted:
		short = fmt.Errorf("%w: the disk that holds %s has %s free, and writing continues at %s",
			ports.ErrFull, s.dir, size(usage.AvailBytes), size(wanted))
	case s.jobs.foundNoRoom():
		short = fmt.Errorf("%w: the store could not write a table in %s", ports.ErrFull, s.dir)
	}
	switch {
	case short != nil && before == nil:
		s.log.Error("the disk is full: the store answers reads and refuses writes until there is room",
			"dir", s.dir, "error", short)
	case short == nil && before != nil:
		s.log.Info("there is room on the disk again: writes continue", "dir", s.dir, "free", size(usage.AvailBytes))
	}
	if short == nil {
		s.short.Store(nil)
		return
	}
	s.short.Store(&short)
}

// checkRoom refuses to open a directory on a disk that has no room for it. Pebble begins with
// writing its logs to tables, and would notice too late.
func checkRoom(fs vfs.FS, dir, pebbleDir string) error {
	usage, err := fs.GetDiskUsage(dir)
	if err != nil {
		return nil // the file system does not say
	}
	needed, err := neededToOpen(fs, pebbleDir)
	if err != nil || usage.AvailBytes >= needed {
		return err
	}
	return fullError(fs, dir, pebbleDir, nil)
}

// neededToOpen returns about how many bytes opening writes.
func neededToOpen(fs vfs.FS, pebbleDir string) (uint64, error) {
	needed := uint64(openMargin)
	names, err := fs.List(pebbleDir)
	if datadir.IsNotExist(err) {
		return needed, nil
	}
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".log") {
			continue
		}
		info, err := fs.Stat(fs.PathJoin(pebbleDir, name))
		if err != nil {
			return 0, err
		}
		needed += uint64(info.Size())
	}
	return needed, nil
}

// fullError says that there is no room to open a directory, and how much is needed.
func fullError(fs vfs.FS, dir, pebbleDir string, cause error) error {
	free, needed := "an unknown amount", "some"
	if usage, err := fs.GetDiskUsage(dir); err == nil {
		free = size(usage.AvailBytes)
	}
	if n, err := neededToOpen(fs, pebbleDir); err == nil {
		needed = size(n)
	}
	err := fmt.Errorf("%w: the disk that holds %s has %s free, and opening needs about %s; make room and start again",
		ports.ErrFull, dir, free, needed)
	if cause != nil {
		err = fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}

// isFull reports whether an error of the file system means that there is no room.
func isFull(err error) bool { return vfs.IsNoSpaceError(err) || errors.Is(err, syscall.EDQUOT) }

// size returns a number of bytes as a message shows it.
func size(n uint64) string {
	switch {
	case n < 1<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	case n < 10<<30:
		return fmt.Sprintf("%d MiB", n>>20)
	default:
		return fmt.Sprintf("%d GiB", n>>30)
	}
}
