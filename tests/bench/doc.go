// Package bench measures Orderflow: what its command path adds to the disk, and how fast the read models follow. scripts/bench
// runs it and prints the ratios; the comparison with other systems is in tests/peers.
//
// # The command path
//
// BenchmarkPath carries out commands with the command handler over the embedded store: load the history, decode and fold
// it, decide, encode, look for the command id, append, sync. Beside it, the same number of goroutines have Pebble write the
// same bytes, one synced batch a command, and nothing else. The batches are not made up: they are read from Pebble's log
// behind the embedded store, after it took the same commands one by one, and written again under other ids. Pebble has the
// same options there. The ratio is what is left of the disk's and Pebble's speed.
//
// # From a command to the read models
//
// BenchmarkLatency runs the whole service in one process, wired as package bootstrap wires it, with one difference: between
// the consumers and the store stands a clock, which notes when the store has returned from applying a change to a view. From
// then on every reader sees the change. A command has reached all views when the slowest of the read models has it.
//
// Commands are due at a fixed rate, 1,000 a second, whether or not earlier ones have been answered; only a command whose order
// waits for an answer waits as well. Every latency counts from the moment when its command was due, so that a stall is not
// hidden by the commands that it kept from being sent. The client is in the same process. That it sent something late tells of
// a machine that was busy with other things, or of a service that left it no core.
//
// # Rebuilds
//
// BenchmarkRebuild fills another generation of each view from the event store and switches to it, without verification, while
// nothing else happens. Beside it, the same events are read and decoded by nobody else: by their heads, several orders at once,
// and in one loop, in the order in which they are stored.
//
// # ScyllaDB
//
// BenchmarkScyllaAppend carries out the same commands on ScyllaDB, with the append protocol of package scylla, and with a bare
// conditional batch in its place: what is left is the price of the intent and the outbox.
//
// BenchmarkScyllaLatency runs the whole service on it and counts from the answer to a command to each read model, at two rates.
// With outbox=late every tenth command commits without its outbox rows, which the benchmark itself writes 300 ms later; what such
// a row belongs to has to wait, or is filled in from the event store, and nothing may be lost. Then the service is left
// alone, and the queries of its feed are counted beside what it tells of them.
package bench
