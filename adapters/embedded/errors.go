package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/ports"
)

// own are the errors that are right as they are.
var own = []error{
	context.Canceled, context.DeadlineExceeded,
	ports.ErrNotFound, ports.ErrVersionConflict, ports.ErrOutcomeUnknown, ports.ErrUnavailable, ports.ErrCorrupt, ports.ErrClosed,
	ports.ErrOffsetExpired, ports.ErrNoOffset, ports.ErrBadCursor, ports.ErrLocked, ErrNotOurs, ErrNewerFormat,
}

// translate turns an error of Pebble or of the file system into one of the ports. Pebble marks damaged data; everything else
// comes from the disk, and reading may go better another time.
func translate(err error) error {
	switch {
	case err == nil || isOwn(err):
		return err
	case pebble.IsCorruptionError(err):
		if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
			err = fmt.Errorf("%s: %w", info.Path, err)
		}
		return corrupt(err)
	default:
		return fmt.Errorf("%w: %w", ports.ErrUnavailable, err)
	}
}

// translateOpen does the same for an error while the directory is opened, where Pebble does not mark everything: a file that
// is missing, has the wrong size or cannot be parsed is damage; what the operating system gives another reason for is not.
func translateOpen(err error) error {
	errno := syscall.Errno(0)
	switch {
	case err == nil || isOwn(err):
		return err
	case errors.As(err, &errno) && !isNotExist(err):
		return fmt.Errorf("%w: %w", ports.ErrUnavailable, err)
	default:
		return corrupt(err)
	}
}

func isOwn(err error) bool {
	return slices.ContainsFunc(own, func(known error) bool { return errors.Is(err, known) })
}

// corrupt is the error for stored data that cannot be read or contradicts itself.
func corrupt(err error) error { return fmt.Errorf("%w: %w; %s", ports.ErrCorrupt, err, wayOut) }
