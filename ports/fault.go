package ports

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// FaultKind names a kind of faults that are made on purpose, for practice.
type FaultKind string

// The kinds of faults.
const (
	// FaultPoison: the events of one aggregate cannot be decoded by one consumer, so it parks them.
	FaultPoison FaultKind = "poison"
	// FaultSlow: a consumer needs a fifth of a second for each event.
	FaultSlow FaultKind = "slow"
	// FaultSilence: a consumer gets nothing from the change feed.
	FaultSilence FaultKind = "silence"
	// FaultFullDisk: the event store has no room for events.
	FaultFullDisk FaultKind = "full-disk"
)

// FaultKinds returns all kinds.
func FaultKinds() []FaultKind {
	return []FaultKind{FaultPoison, FaultSlow, FaultSilence, FaultFullDisk}
}

// LongestFault is the longest time that a fault lasts.
const LongestFault = time.Hour

// Fault is a fault that was made on purpose, or the wish for one.
type Fault struct {
	Kind FaultKind
	// Consumer is the consumer that it is about. A full disk is about none.
	Consumer string
	// AggregateID is the aggregate that is poison.
	AggregateID uuid.UUID
	// Until is when it ends.
	Until time.Time
}

// FaultMaker makes faults in a service that is there for practice. It is a driving port, and safe
// for concurrent use.
type FaultMaker interface {
	// Begin begins a fault, for at least a second and at most LongestFault, and returns it with its
	// end. One that goes on already gets the new end. Errors: *RefusedError.
	Begin(ctx context.Context, fault Fault, lasts time.Duration) (Fault, error)
	// End ends all faults.
	End(ctx context.Context) error
	// Now returns the faults that go on.
	Now() []Fault
}
