package ports

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Leases lets one of several processes at a time work under a name.
//
// A holder that is stopped for longer than its lease does not know that it has lost the lease. So
// the lease alone protects nothing. What such a holder must not overwrite is written together with
// the epoch, and a write with a lower epoch is refused.
type Leases interface {
	// AcquireLease takes the lease of name for owner, or renews the lease that owner holds. The
	// time ttl counts from some moment during the call. It is at least one second, in whole
	// seconds. The epoch is at least 1 and higher than that of every earlier holder. It stays the
	// same while owner renews. Errors: *LeaseHeldError when another process holds the lease;
	// ErrOutcomeUnknown, after which another call tells the result.
	AcquireLease(ctx context.Context, name string, owner LeaseOwner, ttl time.Duration) (epoch uint64, err error)
	// ReleaseLease releases the lease of name if owner holds it. Otherwise it does nothing.
	ReleaseLease(ctx context.Context, name string, owner LeaseOwner) error
}

// LeaseOwner is a process that can hold leases.
type LeaseOwner struct {
	// ID is new for every start of a process. It alone decides whether two owners are the same.
	ID uuid.UUID
	// Address is the address of the process. A client that must ask the holder is given this
	// address.
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
