// Package eventsourcing is the kernel of an event-sourced domain. It defines what an event is, how
// events are numbered, and how a history becomes a state.
//
// It knows no particular aggregate. Another domain uses this package as it is and has its own
// package beside [orderflow/domain/order].
//
// # Two forms of one event
//
// A [Record] is the stored form: a [Header], the persisted name and version of the event, and its
// payload as bytes. Stores, change feeds and brokers carry Records and never look into the payload.
// An [Envelope] is the typed form: the same Header with a Go value. A codec maps one form to the
// other. So no store knows the encoding, and no domain code knows the storage.
//
// # Numbers
//
// Sequence numbers count the events of one aggregate. The first event has number 1, and 0 means
// none. The head of an aggregate is the sequence number of its last event. It is 0 for an aggregate
// that does not exist. There is no global number, because a partitioned store cannot provide one
// that is both correct and cheap.
//
// # Facts
//
// An event has happened and cannot be refused. [Decider].Decide checks rules and may refuse a
// command. [Decider].Evolve is total and never validates, because older rules have accepted older
// events.
//
// Everything here is pure: no clock, no randomness, no I/O. Times and ids are arguments. All
// functions are safe for concurrent use. Values that hold maps or slices must not be modified after
// they were passed on.
package eventsourcing
