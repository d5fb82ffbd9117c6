package scylla

import (
	"errors"

	"github.com/gocql/gocql"
)

// retryPolicy tries again only what surely did not happen, and reads. The driver's own policy believes the server's
// answers about timeouts to mean "not executed" and would write a second time; see gocql#1075.
type retryPolicy struct {
	// attempts is how often a request is made, the first time included.
	attempts int
}

// requestAttempts is how often a request is made, the first time included.
const requestAttempts = 3

var _ interface {
	gocql.RetryPolicy
	gocql.LWTRetryPolicy
} = retryPolicy{}

// conditionalPolicy is the part of retryPolicy for conditional writes, and is given to each of them. The driver learns that a statement
// is conditional when it prepares it, and would choose the part for plain writes before that (gocql#1071).
type conditionalPolicy struct{ retryPolicy }

// GetRetryType implements [gocql.RetryPolicy].
func (p conditionalPolicy) GetRetryType(err error) gocql.RetryType { return p.GetRetryTypeLWT(err) }

// Attempt implements [gocql.RetryPolicy].
func (p retryPolicy) Attempt(q gocql.RetryableQuery) bool { return q.Attempts() < p.attempts }

// GetRetryType implements [gocql.RetryPolicy].
func (p retryPolicy) GetRetryType(err error) gocql.RetryType {
	if notApplied(err, plainWrite) || idempotent(err) && !refused(err) {
		return gocql.RetryNextHost
	}
	return gocql.Rethrow
}

// AttemptLWT implements [gocql.LWTRetryPolicy].
func (p retryPolicy) AttemptLWT(q gocql.RetryableQuery) bool { return p.Attempt(q) }

// GetRetryTypeLWT implements [gocql.LWTRetryPolicy]. What was never sent goes to another node. A serial read, which is the
// only conditional request that is idempotent, does as well: the driver would stay with a node that may be down.
func (p retryPolicy) GetRetryTypeLWT(err error) gocql.RetryType {
	if notSent(err) || idempotent(err) && !refused(err) {
		return gocql.RetryNextHost
	}
	return gocql.Rethrow
}

func idempotent(err error) bool {
	query, ok := errors.AsType[*gocql.QueryError](err)
	return ok && query.IsIdempotent()
}
