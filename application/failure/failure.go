package failure

import (
	"context"
	"errors"
	"log/slog"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// kindError is an error together with who has to act.
type kindError struct {
	kind ports.FailureKind
	error
}

func (e *kindError) Unwrap() error { return e.error }

// Mark gives err a kind. An error that is nil, transient, or marked already is returned as it is.
func Mark(kind ports.FailureKind, err error) error {
	if err == nil {
		return nil
	}
	if marked := (*kindError)(nil); Transient(err) || errors.As(err, &marked) {
		return err
	}
	return &kindError{kind, err}
}

// KindOf returns the kind of a failure. An error without a mark is a bug: the code did not expect
// it.
func KindOf(err error) ports.FailureKind {
	if Newer(err) {
		return ports.FailureNewer
	}
	if marked := (*kindError)(nil); errors.As(err, &marked) {
		return marked.kind
	}
	if Transient(err) {
		return ports.FailureStore
	}
	return ports.FailureBug
}

// Transient reports whether err is about a store or a target as a whole, and not about one event.
func Transient(err error) bool {
	for _, passing := range []error{
		ports.ErrUnavailable, ports.ErrOutcomeUnknown, ports.ErrFull, ports.ErrClosed, ports.ErrLocked, context.Canceled,
		context.DeadlineExceeded,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// Newer reports whether err is about an event that only a newer program can read.
func Newer(err error) bool { return errors.Is(err, ports.ErrNewer) }

// eventError says which event could not be applied.
type eventError struct {
	record eventsourcing.Record
	error
}

func (e *eventError) Unwrap() error { return e.error }

// Of returns an error that says that err is about record.
func Of(record eventsourcing.Record, err error) error { return &eventError{record, err} }

// Event returns the event that err is about; otherwise when err does not say.
func Event(err error, otherwise eventsourcing.Record) eventsourcing.Record {
	if named := (*eventError)(nil); errors.As(err, &named) {
		return named.record
	}
	return otherwise
}

// Protect calls work and turns a panic into an error of kind bug, so that one event cannot end the
// process. Only the stack is logged here. The error is for the caller to handle.
func Protect(log *slog.Logger, work func() error) error {
	err := portkit.Protect(work)
	if err == nil { // nearly always; errors.As would allocate
		return nil
	}
	if panicked := (*portkit.PanicError)(nil); errors.As(err, &panicked) {
		log.Error("panic", "value", panicked.Value, "stack", string(panicked.Stack))
		return Mark(ports.FailureBug, err)
	}
	return err
}
