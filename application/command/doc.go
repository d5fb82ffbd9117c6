// Package command handles commands: it loads the history of the aggregate, decides the command, and
// appends the events. It works for every aggregate type that has an [eventsourcing.Decider].
//
// # One aggregate at a time, many aggregates at once
//
// Inside one process, commands for the same aggregate wait in a queue, first in, first out. Without
// the queue all but one of them would lose the race in the store and start again. Commands for
// different aggregates never wait for each other.
//
// The queue is an optimization and protects nothing. The store's expected head protects the
// history: it lets exactly one writer win, between processes and inside one. A writer that lost
// loads the history and decides again, a bounded number of times.
//
// # States in memory
//
// A [Cache] keeps the newest states of aggregates between their commands. So a command on a long
// history costs what one on a short history costs. The store's expected head is the check: what was
// decided on a state that is not the newest one is not written. The handler then reads only the
// events after the head that it knows.
//
// The check protects appends only. So a command that appends nothing (refused, changes nothing, a
// condition that is not met, a repetition) is answered only after the handler has read what is new.
// Nothing is read when Config.Exclusive says that there can be nothing new.
//
// What the handler keeps of an aggregate is its state, its head, the time of its last event, and
// where the events of each command are (about 30 bytes a command). Where the store finds a command
// by itself (Config.Finder), the handler keeps only the newest commands and asks the store for the
// others. Then neither the memory nor a snapshot grows with the history. After an unknown outcome
// the handler keeps nothing.
//
// A command that usually begins an aggregate (Aggregate.Begins) is decided as if there were none,
// without a read. If there is one, the append is a conflict or a repetition, and the command is
// handled like any other.
//
// # The same command twice
//
// The history holds the ids of the commands that caused its events. When the command id of a
// request is already there, the handler returns the events of that time. It does so before it
// checks any rule or the expected sequence number: the state may have changed since, but the client
// asks about its command and not about the state. Each event carries a digest of its command. So an
// id that is reused for another command is refused, and the client is never told that the second
// command took effect.
//
// With Config.Subjects, the digest of a command that has personal data is keyed with the key of its
// subject. A plain digest of a short reference could be found by trying all of them, also after the
// reference itself was erased. Digests of events that were stored before are compared as they are.
// After an erasure nothing can be compared, and the id alone decides.
//
// A command that emitted no event is not stored. Its retry is decided again. The answer is the same
// unless the aggregate has changed in between.
//
// # Unknown outcomes
//
// When a store cannot report whether an append happened, the handler reads the history once more,
// even if the client is gone by then. If the history contains the command, the append happened.
// Otherwise the client is told that the outcome is unknown. It may always send the same request
// again with the same command id.
package command
