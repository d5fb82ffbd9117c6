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
// # The same command twice
//
// The history holds the ids of the commands that caused its events. When the command id of a
// request is already there, the handler returns the events of that time. It does so before it
// checks any rule or the expected sequence number: the state may have changed since, but the client
// asks about its command and not about the state. Each event carries a digest of its command. So an
// id that is reused for another command is refused, and the client is never told that the second
// command took effect.
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
