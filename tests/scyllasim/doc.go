// Package scyllasim is a test double of a ScyllaDB 5.1 cluster: it listens on loopback addresses, speaks the CQL native protocol v4 and
// keeps its data in memory, so that the unmodified driver and the statements of the adapters run without a server.
//
// What it answers is held to what a real server answered: the statements, faults and frames in testdata were captured from ScyllaDB
// 5.1.18, and the tests replay them. Where the two differ, this package is wrong.
//
// # What it does
//
// Handshake, password authentication, TLS, events of schema changes; system.local, peers and versions, system_schema and the CDC tables
// of system_distributed; CREATE, ALTER and DROP of keyspaces and tables; prepared statements with routing keys and the mark of
// conditional statements; paging; cells with timestamps and TTL; tombstones of rows, ranges, partitions and collections; static columns;
// conditional statements and batches with the server's result shape; CDC logs with generations and streams, pre- and postimages, and the extra
// rows of nulls and collections. With [Options.Tablets] the streams belong to tables, as on recent versions.
//
// Tests move the clock with [Sim.Advance], start a stream generation with [Sim.NewGeneration], take nodes down with [Sim.StopNode], and
// make requests fail with [Sim.Inject]: before or after they took effect, in a phase of Paxos, or in what the CDC log gets. A Paxos
// round that a fault leaves accepted but not learned is invisible to plain reads until the next serial read or conditional write
// of its partition finishes it, with its original timestamp.
//
// # What it does not do
//
// There is one copy of the data behind one lock: consistency levels only check how many replicas are up, and nothing is ever
// stale on one node. Nothing survives Close. There are no shards, no compression, no tablet routing, no batch log, no hints and no
// repair; no secondary indexes, views, user types, counters, user functions, aggregates but COUNT, non-frozen lists, roles or text
// batches. Pages are cut by rows, not by size. Deleted and expired rows are forgotten a minute later, whatever gc_grace_seconds says. A
// mutation with several timestamps gets the same preimage and postimage for each.
//
// CQL that is not supported is an error that says so. Only what cannot change an answer here is accepted and ignored: BYPASS CACHE, USING
// TIMEOUT, and table options about compaction, caching, compression and the like.
//
// # Concurrency and lifecycle
//
// All methods of [Sim] are safe for concurrent use. Each request is atomic. Every goroutine is owned by the Sim, and [Sim.Close] waits for all.
package scyllasim
