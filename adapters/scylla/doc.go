// Package scylla stores events, the outbox, read models and the records of consumers in ScyllaDB.
// The package itself is the event store with its outbox; the rest is in packages below it:
//
//   - [orderflow/adapters/scylla/schema]: the tables, with comments for the operators of the
//     cluster, and what applies them. [Open] does not start on a schema that this program does not
//     know.
//   - internal/cluster: sessions, requests, and what their failures mean.
//   - internal/views: rows and states of read models.
//   - internal/consumers: the records of consumers, leases, offsets, parked aggregates and skips.
//
// # Writing
//
// In ScyllaDB only a conditional write gives optimistic concurrency, and it cannot cover more than
// one partition. Only CDC gives an ordered feed, and it should not be enabled on tables with
// conditional writes. So no single statement can append events and announce them. An append is four
// steps:
//
//  1. insert an intent into append_intents;
//  2. the commit point: one conditional write on the partition of the aggregate in event_store,
//     which moves the head if it is the expected one, and inserts the events;
//  3. insert the same events into outbox_messages, whose CDC log is the change feed;
//  4. delete the intent, in the background.
//
// So there is one round trip before the commit point, one at it, and one after it; the caller does
// not wait for step 4. Steps 3 and 4 are not made at the same time: if the process died between
// them, the intent could be gone and the events be in no feed. Nor are steps 2 and 3: the outbox
// would announce events that may never happen.
//
// Step 1 comes before step 2 and costs one round trip. If the process dies after it, the intent
// remains, and the sweeper ([Store.RunSweeper], in every process) does the rest: it reads the
// aggregate at the serial level, writes the events to the outbox if the command committed, and
// deletes the intent. If the command did not commit, the sweeper looks at the intent again when it
// is a minute, ten minutes and an hour old, because its writer may only be paused. A writer whose
// intent is older than some seconds writes a new one before it commits. Consumers drop events that
// reach the feed twice. An aggregate that cannot be read, or intents that cannot be read, are
// retried by themselves and delay nothing else.
//
// So an append that was acknowledged, or that happened although its writer got no answer, reaches
// the feed. An append that did not happen is nowhere.
//
// A heartbeat ([Store.Beat]) is a row of the outbox, too, in partitions of its own and for a
// minute. The log carries it to the readers of the change feed, and listings leave it out.
//
// # One statement, or a batch
//
// The commit of one event, as of nearly every command, is a single statement: UPDATE … SET the
// columns of the event, head = ? WHERE aggregate_id = ? AND sequence_number = ? IF head = ?.
// Several events are a conditional batch. The two may compete for the same head, also from
// processes of different versions: both are a Paxos round on the partition of the aggregate with
// the same condition. Inside the server both are the same request with one or with several updates
// (cas_request in cql3/statements, from 4.0 on): a condition on static columns concerns the
// partition, whether or not it has the row that is written. ScyllaDB's own suite tests a statement
// of this form (testStaticColumnsCas), and tests/scyllasim has its answers.
//
// Three things speak for the statement, and nothing against it. The driver sends it to a replica
// with tablets, too; a batch goes to any node (gocql v1.19.0 never sets Batch.Table), a hop more
// and more contention. One prepared statement is sent instead of two, and one row comes back
// instead of two. How much that is must be measured on the cluster that is meant: scripts/bench
// scylla measures both beside each other. For the same reason, one event is written to the outbox
// by a statement, and several by a batch.
//
// An update leaves no marker of the row. The row is there as long as one of its columns is, and no
// event is without its id and its payload.
//
// # Commands
//
// The store has no ports.CommandFinder, so whoever must know all commands of an aggregate keeps
// their ids: 28 bytes each. What was considered:
//
//   - To read the column command_id of the partition costs as much as the history is long, and
//     nearly every command asks, because its id is new.
//   - A table of commands cannot be written in the same conditional write. Written before the
//     commit point, it costs a row of every command of every aggregate, for ever and in each
//     replica, to save 28 bytes a command of the long ones. It does not know the commands of
//     processes of the version before, and no read shows which these are.
//   - Rows for commands in the partition of the aggregate would make each append a batch again, and
//     have the same gap.
//   - An index of ScyllaDB is a view that is written after the append. It may lag, and P6 must not.
//
// The ids are bounded by the number of events that an aggregate may have, and the memory for them
// by that of the cache.
//
// # Aggregate types
//
// event_store keeps the type of an aggregate in a static column beside the head. It is written
// once, with the first events, and never changed. A scan of heads gets it with the one row that it
// reads of each partition. outbox_messages has it in every row, because consumers read only the log
// of the rows. Null means an order: in rows from before there were types, and in rows of processes
// that know none. See schema/005_aggregate_types.cql for what happens while both versions run.
//
// # Outcomes
//
// A conditional write that fails may have happened: the server reports failures and timeouts of
// rounds that it completes later, and the driver then says that nothing was executed. Append
// resolves this by itself. It reads the aggregate at the serial level, which completes or discards
// an unfinished round for ever, and looks for its command id. If nothing is there it sends the same
// write again, a few times; the condition keeps the events from being stored twice. What remains is
// ErrUnavailable when every attempt was answered and none was applied, and ErrOutcomeUnknown when
// an attempt may still be on its way through the network.
//
// The cause of a refusal may be the append itself, because the driver may have sent the write
// twice. The ids of the events show that. Then the events are written to the outbox like those of
// any other append.
//
// Nothing else is sent twice: the retry policy repeats only reads, and writes that were certainly
// not applied.
//
// # Clocks
//
// No client timestamp is ever sent, except the sequence numbers of views. Leases end by the clocks
// of the nodes. The age of an intent comes from the nodes, too: the node that took the intent dates
// it, and the node that is asked says what time it is. The clocks of the nodes must agree to within
// some minutes. Otherwise an intent could be dropped that much before its hour is over. CDC needs
// far better clocks.
//
// The clock of the process is compared with theirs, see [Store.Now]. It only chooses the slot in
// which an intent is looked for. If it jumps, an intent that is left behind at that moment is
// delivered at most an hour later, with the next read of all intents. Nothing is lost.
//
// Nothing here uses a clock that stands still while a machine is suspended. A writer that was
// suspended, or whose clock was set back, renews its intent before it commits. One case remains: a
// write that was sent already is on its way for an hour, commits then, and its process dies before
// it writes to the outbox. Then its events are in no feed until reconciliation finds them.
//
// # Concurrency and lifecycle
//
// All methods of [Store] are safe for concurrent use, within a process and between processes.
// [Store.Close] waits for calls in progress and for the intents that are being deleted. The Store
// starts no other goroutine: whoever calls RunSweeper owns it.
//
// # Size
//
// The package has a little more than 1,500 lines: the protocol of an append, its sweeper, and the
// reads of the event store and the outbox. Consumers, views, access and the keys of personal data
// are in packages below internal.
package scylla
