package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/gocql/gocql"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/ports"
)

// failure returns an error of the server with a code, as the driver has it when it has no type of
// its own.
func failure(code int) error {
	err := &gocql.UnknownServerError{}
	err.Code, err.Message = code, fmt.Sprintf("code %#x", code)
	return err
}

func unavailable(at gocql.Consistency) error { return &gocql.RequestErrUnavailable{Consistency: at} }

func writeFailure(at gocql.Consistency) error {
	err := &gocql.RequestErrWriteFailure{Consistency: at, WriteType: "CAS"}
	err.Code = gocql.ErrCodeWriteFailure
	return err
}

func writeTimeout(at gocql.Consistency, kind string) error {
	err := &gocql.RequestErrWriteTimeout{Consistency: at, WriteType: kind}
	err.Code = gocql.ErrCodeWriteTimeout
	return err
}

// What each failure means for each kind of request. Those of conditional writes were all seen on a
// real server. The driver said of each but the last that nothing was executed.
func TestTranslate(t *testing.T) {
	t.Parallel()
	const read, plain, conditional = cluster.Read, cluster.PlainWrite, cluster.ConditionalWrite
	unknown, no := ports.ErrOutcomeUnknown, ports.ErrUnavailable
	tests := []struct {
		name string
		kind cluster.Request
		err  error
		want error // nil for an error that is none of the values
	}{
		{"paxos fails before, or after, the proposal is saved", conditional, writeFailure(gocql.LocalSerial), unknown},
		{"paxos fails before learn", conditional, writeFailure(gocql.LocalQuorum), unknown},
		{"paxos times out before learn", conditional, writeTimeout(gocql.LocalSerial, "CAS"), unknown},
		{"paxos times out in learn", conditional, writeTimeout(gocql.LocalQuorum, "CAS"), unknown},
		{"paxos outcome is unknown", conditional, &gocql.RequestErrCASWriteUnknown{}, unknown},
		{"too few replicas to begin a conditional write", conditional, unavailable(gocql.LocalSerial), no},
		{"too few replicas to begin a conditional write anywhere", conditional, unavailable(gocql.Serial), no},
		{"too few replicas to learn a conditional write", conditional, unavailable(gocql.LocalQuorum), unknown},
		{"overload in a conditional write", conditional, failure(gocql.ErrCodeOverloaded), unknown},
		{"server error in a conditional write", conditional, failure(gocql.ErrCodeServer), unknown},
		{"driver gives up on a conditional write", conditional, gocql.ErrTimeoutNoResponse, unknown},
		{"connection is lost during a conditional write", conditional, gocql.ErrConnectionClosed, unknown},
		{"no connection for a conditional write", conditional, gocql.ErrNoConnections, no},
		{"node is still starting", conditional, failure(gocql.ErrCodeBootstrapping), no},

		{"write times out", plain, writeTimeout(gocql.LocalQuorum, "SIMPLE"), unknown},
		{"batch fails", plain, writeFailure(gocql.LocalQuorum), unknown},
		{"too few replicas for a write", plain, unavailable(gocql.LocalQuorum), no},
		{"overload in a write", plain, failure(gocql.ErrCodeOverloaded), no},
		{"rate limit for a write", plain, &gocql.RequestErrRateLimitReached{}, no},
		{"driver gives up on a write", plain, gocql.ErrTimeoutNoResponse, unknown},
		{"no streams left for a write", plain, gocql.ErrNoStreams, no},

		{"read times out", read, &gocql.RequestErrReadTimeout{}, no},
		{"read fails", read, &gocql.RequestErrReadFailure{}, no},
		{"too few replicas for a read", read, unavailable(gocql.LocalQuorum), no},
		{"driver gives up on a read", read, gocql.ErrTimeoutNoResponse, no},

		{"session is closed", read, gocql.ErrSessionClosed, ports.ErrClosed},
		{"error of ours", read, ports.ErrCorrupt, ports.ErrCorrupt},
		{"no error", plain, nil, nil},

		{"statement is wrong", read, failure(gocql.ErrCodeInvalid), nil},
		{"batch is too large", plain, failure(gocql.ErrCodeInvalid), nil},
		{"conditional batch is too large", conditional, failure(gocql.ErrCodeInvalid), nil},
		{"rights are missing", conditional, failure(gocql.ErrCodeUnauthorized), nil},
	}
	values := []error{unknown, no, ports.ErrClosed, ports.ErrCorrupt, context.Canceled, context.DeadlineExceeded}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.err
			if err != nil {
				err = fmt.Errorf("request: %w", err)
			}
			got := cluster.Translate(t.Context(), err, tt.kind)
			if (got == nil) != (err == nil) || !errors.Is(got, err) {
				t.Fatalf("%v became %v", err, got)
			}
			for _, value := range values {
				if errors.Is(got, value) != (value == tt.want) {
					t.Errorf("%v: is %v: %t", got, value, errors.Is(got, value))
				}
			}
		})
	}
}

// The driver uses contexts of its own, such as that of a connection. Only the end of the caller's
// own context is reported as such.
func TestTranslate_TellsWhoseContextEnded(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{
		context.Canceled, context.DeadlineExceeded, &net.OpError{Op: "dial", Err: context.DeadlineExceeded},
	} {
		for kind, want := range map[cluster.Request]error{
			cluster.Read: ports.ErrUnavailable, cluster.PlainWrite: ports.ErrOutcomeUnknown, cluster.ConditionalWrite: ports.ErrOutcomeUnknown,
		} {
			t.Run(fmt.Sprintf("%v in request of kind %d", cause, kind), func(t *testing.T) {
				t.Parallel()
				err := fmt.Errorf("request: %w", cause)
				ended, end := context.WithCancel(t.Context())
				end()
				if got := cluster.Translate(ended, err, kind); !errors.Is(got, cause) || errors.Is(got, want) {
					t.Errorf("the caller gave up, and is told %v", got)
				}
				got := cluster.Translate(t.Context(), err, kind)
				if !errors.Is(got, want) || errors.Is(got, context.Canceled) || errors.Is(got, context.DeadlineExceeded) {
					t.Errorf("the driver gave up, and the caller is told %v", got)
				}
				if !strings.Contains(got.Error(), cause.Error()) {
					t.Errorf("the cause is missing from %v", got)
				}
			})
		}
	}
}
