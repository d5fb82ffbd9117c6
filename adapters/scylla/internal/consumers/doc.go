// Package consumers keeps what must be known about consumers after a restart: which generations
// they have, who works as them, how far they are, what they have parked, and what they skip.
//
// # Leases and fencing
//
// A lease is one row: owner and address, which have a TTL and are gone when the time is over, and
// the epoch, which has none. Taking a free lease counts the epoch up and sets the owner in one
// conditional batch, on condition that both are what was read; renewing it is conditional on the
// same and keeps the epoch. So no two holders have the same epoch, also if the first one expired or
// its write was completed by somebody else. The server counts a TTL from the beginning of a second,
// so a lease is written with a second more than was asked for, and ends up to that much later.
//
// A process that was paused or suspended for longer does not know that it lost its lease, and goes
// on as the holder until it renews. What it may still write must do no harm: states and rows carry
// sequence numbers, and offsets carry the epoch, in their key. Each holder has rows of its own in
// consumer_offsets, and those with the highest epoch count, in whatever order they arrive; within
// one epoch the later save wins. Rejected: one row with a write timestamp made of the epoch and a
// counter. Such timestamps must be below the time of today, or the server refuses them, and so they
// lose for ever against anything that was written, or deleted, with the time for a timestamp: by a
// process that has no lease, or by hand. Old rows cost nothing: there is one for each change of
// holder, for a week.
//
// # Saves
//
// Saves of consumers and leases are conditional writes. A serial read tells what became of one that
// failed, and what did not happen is tried again. A record of a consumer holds an id of the save
// that it comes from for that purpose, and is read at the serial level only, so that a read sees
// every earlier save.
//
// # Parking
//
// Parked aggregates and skips are plain writes. The order of these is told by the clocks of the
// nodes that coordinate them, and of a write and a deletion in the same microsecond the deletion
// wins. Whoever retries a parked aggregate takes it out and parks it again within milliseconds; if
// the node that took it out was ahead by a few, the new entry would be there and not show, and the
// offset would go past an event that nobody remembers. So each of these calls reads what it wrote
// at a quorum, and writes again until it shows. Conditional writes would do as well, for three
// times the round trips.
package consumers

import (
	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/ports"
)

// Records keeps what must be known about consumers. It is safe for concurrent use.
type Records struct{ c *cluster.Client }

var (
	_ ports.ConsumerRegistry = (*Records)(nil)
	_ ports.ParkingLot       = (*Records)(nil)
	_ ports.SkipLog          = (*Records)(nil)
	_ ports.Leases           = (*Records)(nil)
)

// New returns the records of a keyspace.
func New(c *cluster.Client) *Records { return &Records{c: c} }
