// Package scyllasim simulates a ScyllaDB 5.1 cluster for tests. It listens on loopback addresses,
// speaks the CQL native protocol v4, and keeps its data in memory. So the unmodified driver and the
// statements of the adapters run without a server.
//
// Its answers are compared with those of a real server: the statements, faults and frames in
// testdata were captured from ScyllaDB 5.1.18, and the tests replay them. Where the two differ,
// this package is wrong. What is said about later versions, such as tablets and the table options
// of each version, was read in the source of the server; no such server was asked.
//
// # What it supports
//
//   - Handshake, password authentication, TLS, events of schema changes.
//   - system.local, peers and versions, system_schema, and the CDC tables of system_distributed.
//   - CREATE, ALTER and DROP of keyspaces and tables.
//   - Prepared statements with routing keys and the mark of conditional statements; paging.
//   - Cells with timestamps and TTL; tombstones of rows, ranges, partitions and collections; static
//     columns.
//   - Conditional statements and batches with the server's result shape.
//   - CDC logs with generations and streams, preimages and postimages, and the extra rows of nulls
//     and collections. With [Options.Tablets] the streams belong to tables, as on recent versions:
//     tablets are split and merged, old stream sets are forgotten, and the first conditional write
//     of a table makes another table. The tables with the stream sets are those of the node that
//     answers, which may learn of a set later than the others.
//   - Table options by version: one that a version does not know is an error.
//   - DESCRIBE of the cluster, of keyspaces and of tables, from 5.2 on. What it answers was read in
//     the source of the server.
//   - Tombstones are counted, and so is what each read skips: [Sim.Tombstones].
//
// Tests move the clock with [Sim.Advance], start a stream generation with [Sim.NewGeneration], and
// stop nodes with [Sim.StopNode]. [Sim.Inject] makes requests fail before or after they took
// effect, in a phase of Paxos, or in their CDC log rows. A fault can leave a Paxos round accepted
// but not learned. Plain reads do not see it until the next serial read or conditional write of its
// partition finishes it, with its original timestamp.
//
// # What it does not support
//
// There is one copy of the data behind one lock. Consistency levels only check how many replicas
// are up, and no node is ever stale, except for what [Sim.LagNode] says. Nothing survives Close.
// There are no shards, no compression, no tablet routing, no batch log, no hints and no repair.
// There are no secondary indexes, views, user types, counters, user functions, aggregates except
// for COUNT, non-frozen lists, roles or text batches. Pages are limited by rows and not by size.
// Compactions are by the number of writes to a partition; they drop tombstones as tombstone_gc and
// gc_grace_seconds say, but none of the last minute. A mutation with several timestamps gets the
// same preimage and postimage for each.
//
// CQL that is not supported is an error that says so. Accepted and ignored is only what cannot
// change an answer here: BYPASS CACHE, USING TIMEOUT, and table options such as compaction, caching
// and compression.
//
// # Concurrency and lifecycle
//
// All methods of [Sim] are safe for concurrent use. Each request is atomic. The Sim owns every
// goroutine, and [Sim.Close] waits for all of them.
package scyllasim
