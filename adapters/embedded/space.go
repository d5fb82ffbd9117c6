package embedded

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

	"orderflow/ports"
)

const (
	// openMargin is what opening needs beside room for the tables that the logs are turned into.
	openMargin = 16 << 20
	// lookInterval is how often the free space is looked at, and lookBytes after how many written bytes at the latest.
	lookInterval = time.Second
	lookBytes    = 8 << 20
)

// space knows whether the disk has room for more. It sees to it that writing stops before Pebble finds the disk full: nothing has
// failed then, so writing goes on when there is room again.
type space struct {
	fs      vfs.FS
	dir     string
	reserve uint64
	jobs    *background
	log     *slog.Logger

	// left is how many bytes may be written before the next look.
	left atomic.Int64
	// short is why nothing is written; nil while there is room.
	short atomic.Pointer[error]
	// free is what there was at the last look; known tells whether the file system says.
	free  atomic.Uint64
	known atomic.Bool
	// looking lets one caller look at a time.
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

// look compares the free space with the reserve. Some more is wanted before writing goes on again, so that it does not
// begin and end all the time.
func (s *space) look() {
	s.looking.Lock()
	defer s.looking.Unlock()
	s.left.Store(lookBytes)
	wanted, before := s.reserve, s.short.Load()
	if before != nil {
		wanted += s.reserve / 8
	}
	usage, err := s.fs.GetDiskUsage(s.dir)
	s.known.Store(err == nil)
	s.free.Store(usage.AvailBytes)
	var short error
	switch {
	case err == nil && usage.AvailBytes < wanted:
		short = fmt.Errorf("%w: the disk that holds %s has %s free, and writing goes on at %s", ports.ErrFull, s.dir, size(usage.AvailBytes), size(wanted))
	case s.jobs.foundNoRoom():
		short = fmt.Errorf("%w: the store could not write a table in %s", ports.ErrFull, s.dir)
	}
	switch {
	case short != nil && before == nil:
		s.log.Error("the disk is full: the store answers reads and refuses writes until there is room", "dir", s.dir, "error", short)
	case short == nil && before != nil:
		s.log.Info("there is room on the disk again: writes go on", "dir", s.dir, "free", size(usage.AvailBytes))
	}
	if short == nil {
		s.short.Store(nil)
		return
	}
	s.short.Store(&short)
}

// watchSpace looks at the free space now and then, until the store closes.
func (s *Store) watchSpace() {
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-ticker.C:
			s.lookAtSpace()
		}
	}
}

// lookAtSpace looks at the free space. When the store has failed because the disk was full, and there is room again, it is time
// for the process to start anew.
func (s *Store) lookAtSpace() {
	s.space.look()
	if cause := s.failure.cause.Load(); cause != nil && s.space.short.Load() == nil {
		s.failure.end()
	}
}

// checkRoom refuses to open a directory on a disk that has no room for that: Pebble would write what its logs hold to
// tables first, and find out halfway.
func checkRoom(fs vfs.FS, dir, pebbleDir string) error {
	usage, err := fs.GetDiskUsage(dir)
	if err != nil {
		return nil // the file system does not say; writing will show
	}
	needed, err := neededToOpen(fs, pebbleDir)
	if err != nil || usage.AvailBytes >= needed {
		return err
	}
	return fullError(fs, dir, pebbleDir, nil)
}

// neededToOpen is about how many bytes opening writes.
func neededToOpen(fs vfs.FS, pebbleDir string) (uint64, error) {
	needed := uint64(openMargin)
	names, err := fs.List(pebbleDir)
	if isNotExist(err) {
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

// fullError says that a directory cannot be opened for want of room, and how much that takes.
func fullError(fs vfs.FS, dir, pebbleDir string, cause error) error {
	free, needed := "an unknown amount", "some"
	if usage, err := fs.GetDiskUsage(dir); err == nil {
		free = size(usage.AvailBytes)
	}
	if n, err := neededToOpen(fs, pebbleDir); err == nil {
		needed = size(n)
	}
	err := fmt.Errorf("%w: the disk that holds %s has %s free, and opening needs about %s; make room and start again", ports.ErrFull, dir, free, needed)
	if cause != nil {
		err = fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}

// isFull tells whether an error of the file system says that there is no room.
func isFull(err error) bool { return vfs.IsNoSpaceError(err) || errors.Is(err, syscall.EDQUOT) }

// size shows a number of bytes.
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
