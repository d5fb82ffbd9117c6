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
// same commands one by one. They are written again with other ids in keys and values, and with the
// same options of Pebble. The ratio is the part of the speed of disk and Pebble that is left. Both
// make the same number of syncs: 2,049 and 2,092 for 60,000 creations by 64 writers.
//
// BenchmarkHistory measures one command on an order of 10 events and on one of 10,000: warm, while
// the state is in memory, and cold, when it is read from a snapshot and the events after it.
//
// # From a command to the read models
//
// BenchmarkLatency runs the whole service in one process, wired as package bootstrap wires it, with
// one difference: a clock between the consumers and the store notes when the store has returned
// from applying a change to a view. From then on every reader sees the change. A command has
// reached all views when the slowest read model has it.
//
// Commands are due at a fixed rate, 1,000 a second, see package pace. The client runs in the same
// process. When it sends a command late, the machine was busy with other work, or the service left
// it no core.
//
// # The whole service
//
// BenchmarkService searches for the highest rate at which every view has every command within a
// second, and measures the latencies below it. Command drive does the same with services in
// processes of their own, over HTTP. It also measures their CPU time, which does not contain the
// client's: of a command until every consumer has handled it, and where it goes, by a profile.
// Several versions are measured in turns. BenchmarkBareLoop and the plain server of command served
// show the least that consumers and HTTP can cost. BenchmarkPacedSync shows the least that a
// durable command can take. The peers with the same read models are in tests/peers.
//
// The age of a view's backlog is exact in process. Over HTTP it is the time since the answer to the
// command that the slowest consumer has to handle next, and latencies are those of a sample.
//
// # Sealed personal data
//
// BenchmarkSealed runs the lives of orders with personal data as it is, and sealed: up to the
// append, and until every view has them. The customers are known, or new for each order.
//
// # Rebuilds
//
// BenchmarkRebuild fills another generation of each view from the event store and switches to it,
// without verification, while nothing else happens. For comparison, the same events are read and
// decoded in two other ways: by their heads, several orders at once, and in one loop, in the order
// in which they are stored.
//
// # Everything
//
// BenchmarkBulk measures what reads all events: a rebuild of each view with verification, a
// verification of all views, and the catch-up of a new consumer. Each alternates with one loop that
// only reads and decodes the same events. For a store that does not fit into memory, command seed
// fills a directory with some millions of orders, and the service fills its views when it starts.
//
// # ScyllaDB
//
// BenchmarkScyllaAppend runs the same commands on ScyllaDB, with the append protocol of package
// scylla, and with a bare conditional write in its place. The difference is the price of the intent
// and the outbox. The write is a batch (bare-lwt), or one statement where an append has one event
// (bare-update). The protocol uses the statement. Which of the two is better on a cluster shows in
// one run.
//
// BenchmarkScyllaLatency runs the whole service on ScyllaDB and counts from the answer to a command
// to each read model, at two rates. With outbox=late every tenth command commits without its outbox
// rows, which the benchmark writes 300 ms later. Events after such a row have to wait, or the row
// is filled in from the event store. Nothing may be lost. At the end the service is left idle, and
// the queries of its feed are counted and compared with its metric.
//
// BenchmarkFleet (scripts/bench fleet) starts 1, 3 and 9 services with one keyspace, wired by
// package bootstrap, that read the CDC log or a topic of 12 partitions. They handle a backlog, and
// then have nothing to do. Store, topic and services are in one process and share its processors.
// So it shows how events and queries are divided, and not how fast a fleet is: that needs machines
// of its own. The log has 256 streams, which are three queries.
//
// With 1, 3 and 9 idle processes (commit 6f0d3f8, on a busy machine, which these counts do not
// depend on much), the fleet makes 36, 67 and 159 queries a second with the CDC log as the source,
// of them 25, 31 and 48 of the log. With a topic, 1 and 3 processes make 11 and 33, of them 3 and
// 10 of the log.
// One process had the leases of all views each time; the partitions of the topic were divided.
//
// # Results
//
// All systems ran on one machine in one run, with fsync on for all: two cores of an AMD EPYC, with
// a disk that syncs in 0.2 ms. The machine was idle for the comparison with Pebble, the latencies
// (commit 78ed40a) and the rebuilds (commit 5b0e49e). The other figures (commit 124659b) are
// medians, from the lowest to the highest, of several runs beside other work.
//
//	commands a second, as a ratio                                    1 writer    64 writers
//	create an order ÷ raw Pebble that writes the same bytes          0.75        0.61
//	the life of an order (5 commands) ÷ raw Pebble                   0.69        0.38
//	create ÷ an outbox with watermill-sql on PostgreSQL              2.4 – 4.8   9 – 13
//	create ÷ a plain event and outbox transaction on PostgreSQL      1.8 – 3.3   7 – 10
//	create ÷ hallgren/eventsourcing on SQLite, which has no outbox   1.5 – 2.2   10 – 15
//
// With 64 writers on the idle machine that is 31,000 to 46,000 commands a second. With one writer
// the sync takes most of the time, and all systems are close. Compared with raw Pebble, Orderflow
// also reads and decodes the history for every command.
//
// The whole service (scripts/bench service, commit a94deda, two rounds, nothing else at work on a
// machine that was about half as fast as for the figures above): HTTP in, four read models and a
// file sink behind it.
//
//	most commands a second with all views within 1 s     4,561 in process, 2,379 over HTTP
//	÷ watermill-sql with the same read models            4.6 and 2.9 (the aims were 4 and 3)
//	÷ the first version (dec7198), over HTTP             1.6
//	processor time of a command ÷ the first version      0.41 to 0.47 (405 µs; the aim was 0.4)
//	of an event and consumer ÷ its bare loop             0.65 to 0.80 (the aim was 0.8)
//	command to all views at 1,000/s over HTTP, p50, p99  1.8 and 46 ms; 1.1 and 9.9 in process
//	p99 of that ÷ an append that is synced               0.4 to 2.5, and 0.8 to 4.5 (aim: 5)
//	bytes on disk an event                               341
//
// Commit 4276f65 did 9,240 and 6,599 a second on the faster machine, with 261 µs a command, 4.3 and
// 3.3 times watermill-sql. The ratios to a synced append differed by a factor of six between the
// two rounds, so they say little. The p99 at 2,000/s is not steady, and nobody has traced why.
// Against raw Pebble with 64 writers, a94deda reached 0.60 for a creation and for a life. The aims
// are 0.75 and 0.65.
//
// Commit e371162 was compared with f2f55fe and raw Pebble in 18 rounds of 40,000 commands by 64
// writers, beside much other work. The lowest and the highest ratio of the rounds are far apart.
//
//	                                                       f2f55fe              e371162
//	create: commands a second ÷ raw Pebble                 0.58 (0.40 – 1.08)   0.65 (0.34 – 1.20)
//	life: commands a second ÷ raw Pebble                   0.61 (0.31 – 0.94)   0.63 (0.33 – 0.97)
//	processor time of raw Pebble ÷ that of a creation      0.57 (0.46 – 0.69)   0.63 (0.53 – 0.82)
//	processor time of raw Pebble ÷ that of a life's        0.54 (0.46 – 0.70)   0.63 (0.49 – 0.84)
//	allocations of a command: create, life                 31, 23               25, 17
//	kilobytes that it allocates: create, life              4.1, 3.1             3.0, 2.1
//
// Commit 0e4f54f, whose command path is that of e371162, had less other work beside it. In 13
// rounds of 60,000 commands by 64 writers the ratio of the speeds was 0.69 for a creation
// (0.44 – 0.87) and 0.69 for a life (0.55 – 0.77). That of the processor time was 0.65
// (0.55 – 0.81) and 0.67 (0.62 – 0.75).
//
// Both write 4 keys a command, with 837 bytes for a creation and on average 597 in a life. A group
// of creations has 29 commands and takes 0.7 to 0.8 ms, of which 0.5 to 0.6 are its sync. The disk
// alone syncs as many bytes in 0.2 ms. The rest is probably the goroutine of Pebble's log waiting
// for a processor while callers prepare their next commands: with GOMAXPROCS=4 both systems were 6
// to 7 % faster (3 rounds). Within a group the leader reads heads (0.03 ms), decides (0.02),
// applies (0.06) and publishes (0.03), and the next leader begins 0.05 ms later. Locks cost the 64
// writers together 0.15 s of 120 s.
//
// So the difference is processor time: 10 µs of 35 for the handler (check, digest, decide, encode,
// keep), and 3 for the garbage. With GOGC=800 a command takes 9 % less of it. No single step
// of the handler takes more than 2 µs.
//
// A rebuild handles 134,000 to 216,000 events a second. That is 0.34 (orders-by-sku, many rows an
// order) to 0.63 of the speed at which the same events are only read and decoded, order by order on
// both cores. It is 0.32 to 0.50 of the speed of one loop over them as they are stored. The aim of
// 0.5 is reached for half of the views.
//
// Ten million events (cmd/seed, 3 million orders, a binary without cgo) were tried once, at commit
// 9ee3115, beside other work on the same two cores. Four views were filled in 11 minutes, and the
// file of the publisher in 14. Before commit 5b78343 that file took 2.5 hours. The directory
// has 7.6 GB then, of which 5 are that file. With these views a start takes 1.3 s, and 0.95 without
// them. Lists of 50 orders take 1 to 5 ms. The memory of the process, at most:
//
//	filling, with GOMEMLIMIT=165MiB              197 MB
//	verifying all views (5 minutes)              160 MB
//	a verified rebuild at the same time          206 MB (6.5 minutes for orders-by-sku)
//	10,000 new orders after that                 219 MB
//	filling 333,000 events, without a limit      229 MB
//
// A full cache of states of 64 MiB adds as much, and half of it again for garbage. The aim of 200
// MB is reached with GOMEMLIMIT=165MiB and --state-cache=16: 199 MB under load.
//
// The publisher publishes 51,000 events a second to a topic of Kafka 4.1 on the same two cores, in
// order within each order. That is 0.9 of the speed of sarama with large batches, and 14 times the
// speed of watermill-kafka, which publishes one by one.
package bench
