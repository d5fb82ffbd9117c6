// Package bench measures Orderflow: the cost of its command path beyond the disk, and how fast the
// read models follow. scripts/bench runs it and prints the ratios. The comparison with other
// systems is in tests/peers.
//
// # The command path
//
// BenchmarkPath runs commands through the command handler on the embedded store: load the history,
// decode and fold it, decide, encode, look for the command id, append, sync. For comparison, the
// same number of goroutines let Pebble write the same bytes, one synced batch a command, and
// nothing else. These batches are read from Pebble's log after the embedded store has taken the
// same commands one by one. They are written again under other ids, with the same options of
// Pebble. The ratio is the part of the speed of disk and Pebble that is left.
//
// # From a command to the read models
//
// BenchmarkLatency runs the whole service in one process, wired as package bootstrap wires it, with
// one difference: a clock between the consumers and the store notes when the store has returned
// from applying a change to a view. From then on every reader sees the change. A command has
// reached all views when the slowest read model has it.
//
// Commands are due at a fixed rate, 1,000 a second, whether or not earlier ones have been answered.
// Only a command whose order waits for an answer waits as well. Every latency counts from the
// moment at which its command was due. So a stall is not hidden by the commands that it kept from
// being sent. The client runs in the same process. When it sends a command late, the machine was
// busy with other work, or the service left it no core.
//
// # Rebuilds
//
// BenchmarkRebuild fills another generation of each view from the event store and switches to it,
// without verification, while nothing else happens. For comparison, the same events are read and
// decoded in two other ways: by their heads, several orders at once, and in one loop, in the order
// in which they are stored.
//
// # ScyllaDB
//
// BenchmarkScyllaAppend runs the same commands on ScyllaDB, with the append protocol of package
// scylla, and with a bare conditional batch in its place. The difference is the price of the intent
// and the outbox.
//
// BenchmarkScyllaLatency runs the whole service on ScyllaDB and counts from the answer to a command
// to each read model, at two rates. With outbox=late every tenth command commits without its outbox
// rows, which the benchmark writes 300 ms later. Events after such a row have to wait, or the row
// is filled in from the event store. Nothing may be lost. At the end the service is left idle, and
// the queries of its feed are counted and compared with its metric.
package bench
