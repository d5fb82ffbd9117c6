// Package command handles commands: load the order's history, decide, append.
//
// # One order at a time, many orders at once
//
// Commands for one order queue up inside the process, first come first served, because all but one of them would lose the
// race in the store and start over. Commands for different orders never wait for each other. The queue is a courtesy, not
// the protection: between processes, and in principle always, it is the store's expected head that lets exactly one writer
// win. A writer that lost reloads and decides again, a bounded number of times.
//
// # The same command twice
//
// The history itself remembers which commands it came from. A request whose command id is already there is answered with
// the events of then, before any rule or expected sequence number is looked at; the state may have moved on since, and the
// client asked about its command, not about the state. Each event carries a digest of its command, so that an id reused for
// another command is refused instead of answered with something that never happened.
//
// A command that emitted nothing left no trace. Its retry is decided anew, which gives the same answer unless somebody else
// changed the order in between.
//
// # Unknown outcomes
//
// When a store cannot say whether an append happened, the history is read once more, also if the client is gone by then. If
// the command is in it, it happened. If not, the client is told that the outcome is unknown; asking again with the same
// command id is always safe.
package command
