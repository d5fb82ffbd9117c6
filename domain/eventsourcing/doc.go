// Package eventsourcing is the kernel of an event-sourced domain: what an event is, how it is numbered, and how a history
// becomes a state.
//
// It knows no particular aggregate. A team with another domain keeps this package as it is and writes its own beside
// [orderflow/domain/order].
//
// # Two forms of one event
//
// A [Record] is the stored form: a [Header], the persisted name and version of the event, and its payload as bytes. Stores,
// change feeds and brokers carry Records and never look inside. An [Envelope] is the typed form: the same Header around a Go
// value. A codec maps one to the other, so no store knows the encoding and no domain code knows the storage.
//
// # Numbers
//
// Sequence numbers count the events of one aggregate: 1 is its first event, 0 stands for "none". An aggregate's head is the
// sequence number of its last event, hence 0 for an aggregate that does not exist. There is no global number: a partitioned
// store cannot give one that is both true and cheap.
//
// # Facts
//
// An event is a fact and cannot be refused. Deciding ([Decider].Decide) checks rules and may refuse; evolving
// ([Decider].Evolve) is total and never validates, because yesterday's rules accepted yesterday's events.
//
// Everything here is pure: no clock, no randomness, no I/O. Times and ids arrive as arguments. All functions are safe for
// concurrent use; values that hold maps or slices must not be modified after they were handed on.
package eventsourcing
