package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gocql/gocql"

	"orderflow/ports"
)

// Request is what kind of request failed; it decides what a failure means.
type Request int

// The kinds of request.
const (
	Read Request = iota
	PlainWrite
	ConditionalWrite
)

// own are the errors that are right as they are.
func own() []error {
	return []error{
		ports.ErrNotFound, ports.ErrVersionConflict, ports.ErrOutcomeUnknown, ports.ErrUnavailable, ports.ErrCorrupt,
		ports.ErrClosed, ports.ErrBadCursor,
	}
}

// Translate turns an error of the driver into one of the ports.
//
// What the driver says about itself, QueryError.PotentiallyExecuted, is false for every failure
// that the server reports, also for a conditional write that was accepted and becomes visible with
// the next one. So it is not asked: a write may have happened unless it is known that it did not.
//
// ctx is the context of the request. When that has ended its error passes through. The driver ends
// contexts of its own, too: that of a connection which it loses, or of a statement that it prepares
// for several requests. Such an error is a failure like any other, and is hidden from those who
// would take it for theirs.
func Translate(ctx context.Context, err error, kind Request) error {
	ended := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	switch {
	case err == nil || slices.ContainsFunc(own(), func(known error) bool { return errors.Is(err, known) }):
		return err
	case ended && ctx.Err() != nil:
		return err
	case errors.Is(err, gocql.ErrSessionClosed):
		return fmt.Errorf("%w: %w", ports.ErrClosed, err)
	case Refused(err):
		return err
	}
	outcome := ports.ErrOutcomeUnknown
	if kind == Read || NotApplied(err, kind) {
		outcome = ports.ErrUnavailable
	}
	if ended {
		return fmt.Errorf("%w: the driver gave up: %v", outcome, err)
	}
	return fmt.Errorf("%w: %w", outcome, err)
}

// NotApplied tells whether a write surely did not happen and never will.
func NotApplied(err error, kind Request) bool {
	if unavailable, ok := errors.AsType[*gocql.RequestErrUnavailable](err); ok {
		// At the serial level too few replicas were there to begin; at the other one too few to
		// learn what was decided.
		return kind != ConditionalWrite || unavailable.Consistency.IsSerial()
	}
	if notSent(err) || Refused(err) {
		return true
	}
	switch code(err) {
	case gocql.ErrCodeBootstrapping:
		return true
	case gocql.ErrCodeOverloaded:
		return kind != ConditionalWrite
	}
	_, limited := errors.AsType[*gocql.RequestErrRateLimitReached](err)
	return limited && kind != ConditionalWrite
}

// notSent tells whether a request never left this process. About a connection that closed, the
// driver can be believed.
func notSent(err error) bool {
	query, ok := errors.AsType[*gocql.QueryError](err)
	if ok && errors.Is(err, gocql.ErrConnectionClosed) && !query.PotentiallyExecuted() {
		return true
	}
	return slices.ContainsFunc([]error{
		gocql.ErrNoConnections, gocql.ErrNoConnectionsInPool, gocql.ErrNoPool, gocql.ErrHostDown, gocql.ErrNoStreams,
	}, func(known error) bool { return errors.Is(err, known) })
}

// Refused tells whether the server understood a request and will not do it, now or later: a bug, or
// missing rights.
func Refused(err error) bool {
	switch code(err) {
	case gocql.ErrCodeProtocol, gocql.ErrCodeCredentials, gocql.ErrCodeSyntax, gocql.ErrCodeUnauthorized,
		gocql.ErrCodeInvalid, gocql.ErrCodeConfig, gocql.ErrCodeAlreadyExists:
		return true
	}
	return errors.Is(err, gocql.ErrTooManyStmts) || errors.Is(err, gocql.ErrQueryArgLength)
}

// answer is an error that the server Answered with.
type answer interface {
	error
	GetCode() int
}

// code is the code of the server's answer; 0, which stands for any trouble inside the server, when
// it gave none.
func code(err error) int {
	if a, ok := errors.AsType[answer](err); ok {
		return a.GetCode()
	}
	return gocql.ErrCodeServer
}

// Answered tells whether the server gave an answer at all. Without one the request may still be on
// its way.
func Answered(err error) bool {
	_, ok := errors.AsType[answer](err)
	return ok
}

// Corrupt is the error for stored data that cannot be read or contradicts itself.
func Corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ports.ErrCorrupt, fmt.Errorf(format, args...))
}

// Undecided is the error of a conditional write that did not get an answer.
func Undecided(failure error, onItsWay bool) error {
	switch {
	case onItsWay:
		return fmt.Errorf("%w: %v", ports.ErrOutcomeUnknown, failure)
	case Refused(failure):
		return failure
	default:
		return fmt.Errorf("%w: %v", ports.ErrUnavailable, failure)
	}
}
