package ports

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Leases lets one of several processes work under a name at a time.
//
// A holder that is stopped for longer than its lease lasts does not know that it lost it. So the lease alone protects nothing: what
// must not be overwritten by such a holder is written together with the epoch, and loses against a higher one.
type Leases interface {
	// AcquireLease takes the lease of name for owner, or renews the one that owner holds, for ttl from some moment during
	// the call. The epoch is higher than that of every earlier holder, at least 1, and stays the same while owner renews.
	// ttl is at least a second and counts in whole seconds. *LeaseHeldError when somebody else holds it.
	// After ErrOutcomeUnknown, calling again tells.
	AcquireLease(ctx context.Context, name string, owner LeaseOwner, ttl time.Duration) (epoch uint64, err error)
	// ReleaseLease gives the lease of name back if owner holds it; else it does nothing.
	ReleaseLease(ctx context.Context, name string, owner LeaseOwner) error
}

// LeaseOwner is a process that could hold leases.
type LeaseOwner struct {
	// ID is new for every start of a process, and alone decides whether two owners are the same.
	ID uuid.UUID
	// Address is where the process answers, for those who are told that they have to ask there.
	Address string
}

// LeaseHeldError says who holds a lease.
type LeaseHeldError struct {
	Name  string
	Owner LeaseOwner
}

func (e *LeaseHeldError) Error() string {
	return fmt.Sprintf("the lease of %s is held by the process at %s (%s)", e.Name, e.Owner.Address, e.Owner.ID)
}
