package cluster

import (
	"errors"

	"github.com/gocql/gocql"
)

// RetryPolicy repeats only reads, and writes that certainly did not happen. The driver's own policy
// takes the server's answers about timeouts to mean "not executed" and would write a second time;
// see gocql#1075.
type RetryPolicy struct {
	// Attempts is how often a request is made, the first time included.
	Attempts int
}

// requestAttempts is how often a request is made, the first time included.
const requestAttempts = 3

var _ interface {
	gocql.RetryPolicy
	gocql.LWTRetryPolicy
} = RetryPolicy{}

// ConditionalPolicy is the part of RetryPolicy for conditional writes, and is given to each of
// them. The driver learns that a statement is conditional only when it prepares it. Before that it
// would use the part for plain writes (gocql#1071).
type ConditionalPolicy struct{ RetryPolicy }

// GetRetryType implements [gocql.RetryPolicy].
func (p ConditionalPolicy) GetRetryType(err error) gocql.RetryType { return p.GetRetryTypeLWT(err) }

// Attempt implements [gocql.RetryPolicy].
func (p RetryPolicy) Attempt(q gocql.RetryableQuery) bool { return q.Attempts() < p.Attempts }

// GetRetryType implements [gocql.RetryPolicy].
func (p RetryPolicy) GetRetryType(err error) gocql.RetryType {
	if NotApplied(err, PlainWrite) || idempotent(err) && !Refused(err) {
		return gocql.RetryNextHost
	}
	return gocql.Rethrow
}

// AttemptLWT implements [gocql.LWTRetryPolicy].
func (p RetryPolicy) AttemptLWT(q gocql.RetryableQuery) bool { return p.Attempt(q) }

// GetRetryTypeLWT implements [gocql.LWTRetryPolicy]. What was never sent goes to another node. So
// does a serial read, which is the only conditional request that is idempotent: the driver would
// stay with a node that may be down.
func (p RetryPolicy) GetRetryTypeLWT(err error) gocql.RetryType {
	if notSent(err) || idempotent(err) && !Refused(err) {
		return gocql.RetryNextHost
	}
	return gocql.Rethrow
}

func idempotent(err error) bool {
	query, ok := errors.AsType[*gocql.QueryError](err)
	return ok && query.IsIdempotent()
}
