package consumer

import (
	"context"
	"errors"

	"orderflow/ports"
)

// kindError is an error together with who has to act.
type kindError struct {
	kind ports.FailureKind
	error
}

func (e *kindError) Unwrap() error { return e.error }

// failure marks err, unless it is nil, transient, or marked already.
func failure(kind ports.FailureKind, err error) error {
	if marked := (*kindError)(nil); err == nil || transient(err) || errors.As(err, &marked) {
		return err
	}
	return &kindError{kind, err}
}

// kindOf tells the kind of a failure. What nobody has marked was not foreseen.
func kindOf(err error) ports.FailureKind {
	if marked := (*kindError)(nil); errors.As(err, &marked) {
		return marked.kind
	}
	if transient(err) {
		return ports.FailureStore
	}
	return ports.FailureBug
}

// transient says whether err is about a store or a target as a whole, and not about one event: everybody meets it, and it
// passes.
func transient(err error) bool {
	for _, passing := range []error{
		ports.ErrUnavailable, ports.ErrOutcomeUnknown, ports.ErrClosed, ports.ErrLocked, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}
