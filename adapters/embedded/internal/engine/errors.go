package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/adapters/embedded/internal/datadir"
	"orderflow/ports"
)

// own are the errors that need no translation.
var own = []error{
	context.Canceled, context.DeadlineExceeded,
	ports.ErrNotFound, ports.ErrVersionConflict, ports.ErrOutcomeUnknown, ports.ErrUnavailable,
	ports.ErrCorrupt, ports.ErrClosed,
	ports.ErrOffsetExpired, ports.ErrNoOffset, ports.ErrBadCursor, ports.ErrLocked, datadir.ErrNotOurs,
	datadir.ErrNewerFormat,
}

// Translate turns an error of Pebble or of the file system into one of package ports. Pebble marks
// damaged data. Every other error comes from the disk, and the next attempt to read may succeed.
func Translate(err error) error {
	switch {
	case err == nil || isOwn(err):
		return err
	case pebble.IsCorruptionError(err):
		if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
			err = fmt.Errorf("%s: %w", info.Path, err)
		}
		return Corrupt(err)
	default:
		return fmt.Errorf("%w: %w", ports.ErrUnavailable, err)
	}
}

// translateOpen is Translate for an error of opening. Pebble does not mark all damage there: a file
// that is missing, has the wrong size or cannot be parsed is damage. What the operating system
// gives another reason for is not.
func translateOpen(err error) error {
	errno := syscall.Errno(0)
	switch {
	case err == nil || isOwn(err):
		return err
	case errors.As(err, &errno) && !datadir.IsNotExist(err):
		return fmt.Errorf("%w: %w", ports.ErrUnavailable, err)
	default:
		return Corrupt(err)
	}
}

func isOwn(err error) bool {
	return slices.ContainsFunc(own, func(known error) bool { return errors.Is(err, known) })
}

// Corrupt returns a ports.ErrCorrupt for stored data that cannot be read or contradicts itself.
func Corrupt(err error) error { return fmt.Errorf("%w: %w; %s", ports.ErrCorrupt, err, datadir.WayOut) }
