// Package cdclog reads the CDC log of an outbox table in ScyllaDB: its streams, the contents of its
// rows, how long it keeps them, and every row, once, as the log grows.
//
// # Streams
//
// A log is divided into streams. A stream set is all streams that are in use at a time. With vnodes
// it is a generation of the cluster; with tablets it belongs to the table. A set is in use from its
// start to the start of the next set. It may be listed before its streams are, and a node may learn
// of it late. Only sets in use must be readable. [Reader] works without a set that starts later.
// When it cannot read a set in use, it reads the other sets only up to the start of that one.
//
// # Time
//
// The log is read by the time of the write, cdc$time. All times here are those of the servers,
// whose clocks must agree within a fraction of a second. [ReaderConfig].Now returns the time of the
// servers. The start of a range is exclusive, and its end is inclusive.
//
// # Failure
//
// The timeouts of the session bound every query. A Reader continues after failures, with growing
// pauses. A panic while it handles a row counts as a failure.
package cdclog
