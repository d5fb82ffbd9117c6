// Package cdclog reads the CDC log of an outbox table in ScyllaDB: which streams it has, what is in
// their rows, how long it keeps them, and everything in it, once, as it grows.
//
// # Streams
//
// A log is divided into streams, and a stream set is all streams that are in use at a time: a
// generation of the cluster with vnodes, a set of the table's own with tablets. A set is in use from
// its start to the start of the next one. It may be listed before its streams are, and a node may
// learn of it late. Only sets that are in use have to be readable; [Reader] does without one that is
// still to come, and does not read beyond the start of one that is in use and that it cannot read.
//
// # Time
//
// The log is read by time, which is the time of the write: cdc$time. All times here are those of the
// servers, whose clocks must agree within a fraction of a second; [ReaderConfig].Now says what time
// it is there. A time is exclusive as the start of what is read, and inclusive as its end.
//
// # Failure
//
// Every query is bounded by the timeouts of the session. A Reader goes on after failures, with
// growing pauses. A panic while it handles a row is a failure like any other.
package cdclog
