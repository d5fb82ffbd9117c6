package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gocql/gocql"

	"orderflow/ports"
)

// Request is the kind of a request. It decides what a failure means.
type Request int

// The kinds of request.
const (
	Read Request = iota
	PlainWrite
	ConditionalWrite
)

// own returns the errors that need no translation.
func own() []error {
	return []error{
		ports.ErrNotFound, ports.ErrVersionConflict, ports.ErrOutcomeUnknown, ports.ErrUnavailable, ports.ErrCorrupt,
		ports.ErrClosed, ports.ErrBadCursor,
	}
}

// Translate turns an error of the driver into one of the ports.
//
// The driver has its own opinion, QueryError.PotentiallyExecuted. It is false for every failure
// that the server reports, also for a conditional write that was accepted and becomes visible with
// the next one. So it is not used: a write may have happened unless it is known that it did not.
//
// ctx is the context of the request. When it has ended, its error passes through. The driver ends
// contexts of its own, too: that of a connection which it loses, or of a statement that it prepares
// for several requests. Such an error is a failure like any other. It is hidden, so that callers do
// not take it for that of their own context.
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

// NotApplied reports whether a write certainly did not happen and never will.
func NotApplied(err error, kind Request) bool {
	if unavailable, ok := errors.AsType[*gocql.RequestErrUnavailable](err); ok {
		// At the serial level too few replicas were there to begin. At the other level too few were
		// there to learn what was decided.
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

// notSent reports whether a request never left this process. What the driver says about a
// connection that closed is reliable.
func notSent(err error) bool {
	query, ok := errors.AsType[*gocql.QueryError](err)
	if ok && errors.Is(err, gocql.ErrConnectionClosed) && !query.PotentiallyExecuted() {
		return true
	}
	return slices.ContainsFunc([]error{
		gocql.ErrNoConnections, gocql.ErrNoConnectionsInPool, gocql.ErrNoPool, gocql.ErrHostDown, gocql.ErrNoStreams,
	}, func(known error) bool { return errors.Is(err, known) })
}

// Refused reports whether the server understood a request and will not do it, now or later: a bug,
// or missing rights.
func Refused(err error) bool {
	switch code(err) {
	case gocql.ErrCodeProtocol, gocql.ErrCodeCredentials, gocql.ErrCodeSyntax, gocql.ErrCodeUnauthorized,
		gocql.ErrCodeInvalid, gocql.ErrCodeConfig, gocql.ErrCodeAlreadyExists:
		return true
	}
	return errors.Is(err, gocql.ErrTooManyStmts) || errors.Is(err, gocql.ErrQueryArgLength)
}

// answer is an error with which the server answered.
type answer interface {
	error
	GetCode() int
}

// code returns the code of the server's answer. It is 0 when the server gave none. 0 also means any
// failure inside the server.
func code(err error) int {
	if a, ok := errors.AsType[answer](err); ok {
		return a.GetCode()
	}
	return gocql.ErrCodeServer
}

// Answered reports whether the server gave an answer at all. Without an answer the request may
// still be on its way.
func Answered(err error) bool {
	_, ok := errors.AsType[answer](err)
	return ok
}

// Corrupt is the error for stored data that cannot be read or contradicts itself.
func Corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ports.ErrCorrupt, fmt.Errorf(format, args...))
}

// Undecided returns the error of a conditional write whose outcome could not be found out.
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
