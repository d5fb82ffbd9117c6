// Package consumers keeps what must be known about consumers after a restart: which generations
// they have, which process works as each of them, how far they are, what they have parked, and what
// they skip.
//
// # Leases and fencing
//
// A lease is one row: owner and address, which have a TTL and disappear when the time is over, and
// the epoch, which has none. A process takes a free lease with one conditional batch that
// increments the epoch and sets the owner, on condition that both are what was read. It is a batch
// because the two have different TTLs. Renewing the lease is one statement with the same condition
// and keeps the epoch. The holder reads nothing before it: it remembers what it has written, and a
// refusal shows what is there instead. So no two holders have the same epoch, also if the first one
// expired or its write was completed by another process. The server counts a TTL from the beginning
// of a second, so a lease is written with a second more than was asked for, and ends up to that
// much later.
//
// A process that was paused or suspended for longer does not know that it lost its lease, and
// continues as the holder until it renews. What it still writes must do no harm. States and rows
// carry sequence numbers, and offsets carry the epoch, in their key. Each holder has rows of its
// own in consumer_offsets. Those with the highest epoch count, in whatever order they arrive;
// within one epoch the later save wins.
//
// Rejected: one row with a write timestamp made of the epoch and a counter. Such timestamps must be
// below the time of today, or the server refuses them. So they lose for ever against anything that
// was written, or deleted, with the time as its timestamp: by a process that has no lease, or by
// hand. Old rows cost nothing: there is one for each change of holder, for a week.
//
// # Saves
//
// Saves of consumers and leases are conditional writes. A serial read shows the outcome of one that
// failed, and what did not happen is tried again. For that purpose, a record of a consumer holds an
// id of the save that wrote it. It is read only at the serial level, so that a read sees every
// earlier save.
//
// # Parking
//
// Parked aggregates and skips are plain writes. Their order is given by the clocks of the nodes
// that coordinate them, and of a write and a deletion in the same microsecond the deletion wins. A
// retry of a parked aggregate may delete the entry and write it again within milliseconds. If the
// clock of the node that deleted it was ahead by a few, the new entry would be there and not show,
// and the offset would pass an event that is recorded nowhere. So each of these calls reads what it
// wrote at a quorum, and writes again until it shows. Conditional writes would do as well, for
// three times the round trips.
package consumers

import (
	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/ports"
)

// Records keeps what must be known about consumers. It is safe for concurrent use.
type Records struct {
	c    *cluster.Client
	held heldLeases
}

var (
	_ ports.ConsumerRegistry = (*Records)(nil)
	_ ports.ParkingLot       = (*Records)(nil)
	_ ports.SkipLog          = (*Records)(nil)
	_ ports.Leases           = (*Records)(nil)
)

// New returns the records of a keyspace.
func New(c *cluster.Client) *Records { return &Records{c: c} }
