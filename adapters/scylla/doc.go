// Package scylla stores events, the outbox, read models and what consumers have to remember in
// ScyllaDB. The package itself is the event store with its outbox; the rest is in packages below
// it:
//
//   - [orderflow/adapters/scylla/schema]: the tables, with comments for those who look after the
//     cluster, and what applies them. [Open] does not start on a schema that this program does not
//     know.
//   - internal/cluster: sessions, requests, and what their failures mean.
//   - internal/views: rows and states of read models.
//   - internal/consumers: the records of consumers, leases, offsets, parked aggregates and skips.
//
// # Writing
//
// A conditional batch of ScyllaDB, the only thing that gives optimistic concurrency, cannot reach
// beyond one partition, and CDC, the only thing that gives an ordered feed, is best kept off tables
// with conditional writes. So no single statement can append events and announce them. An append is
// four steps:
//
//  1. insert an intent into append_intents;
//  2. the commit point: one conditional batch on the partition of the aggregate in event_store,
//     which moves the head on if it is the expected one, and inserts the events;
//  3. insert the same events into outbox_messages, whose CDC log is the change feed;
//  4. delete the intent, in the background.
//
// Step 1 comes before step 2 and costs one round trip. Whatever dies after it leaves the intent,
// and the sweeper ([Store.RunSweeper], in every process) takes it from there: it reads the
// aggregate at the serial level, writes the events to the outbox if the command committed, and
// deletes the intent. If it did not commit, the intent is looked at again when it is a minute, ten
// minutes and an hour old, because its writer may only be paused; and a writer whose intent is
// older than some seconds writes a new one before it commits. Consumers drop what reaches the feed
// twice. An aggregate that cannot be read, or intents that cannot, are tried again by themselves
// and hold up nothing else.
//
// So an append that was acknowledged, or that happened although its writer never heard of it, is in
// the feed at last; one that did not happen is nowhere.
//
// A heartbeat ([Store.Beat]) is a row of the outbox, too, in partitions of its own and for a
// minute; the log carries it to the readers of the change feed, and listings leave it out.
//
// # Aggregate types
//
// event_store keeps the type of an aggregate in a static column beside the head: once, written with
// the first events and never changed, and a scan of heads gets it with the one row that it reads of
// each partition. outbox_messages has it in every row, as consumers read the log of the rows and
// nothing else. Null is an order, in what was written before there were types and by processes that
// know none; see schema/005_aggregate_types.cql for what happens while both versions run.
//
// # Outcomes
//
// A conditional write that fails may have happened: the server reports failures and timeouts of
// rounds that it completes later, and the driver then says that nothing was executed. Append
// resolves this by itself. It reads the aggregate at the serial level, which completes or discards
// an unfinished round for ever, and looks for its command id. If nothing is there it sends the same
// batch again, a few times; the condition keeps the events from being stored twice. What remains is
// ErrUnavailable when every try was answered and came to nothing, and ErrOutcomeUnknown when one
// may still be on its way through the network.
//
// A refusal may be of the append's own making, too: the driver may have sent the batch twice. The
// ids of the events tell, and then they are written to the outbox like those of any other append.
//
// Nothing else is replayed: the retry policy tries again only reads, and what was surely not
// applied.
//
// # Clocks
//
// No client timestamp is ever sent, except the sequence numbers of views. Leases end by the clocks
// of the nodes, and intents are as old as the nodes say: the one that took an intent dates it, and
// one that is asked says what time it is. The clocks of nodes must agree to within some minutes, or
// an intent could be dropped that much before its hour is over; CDC needs far better clocks.
//
// The clock of the process is compared with theirs, see [Store.Now], and only chooses the slot in
// which an intent is looked for. If it jumps, what is left behind just then is delivered an hour
// later at most, with the next look at all intents, and nothing is lost.
//
// Nothing here is timed by a clock that stands still while a machine is suspended. A writer that
// was suspended, or whose clock was put back, renews its intent before it commits. What remains is
// a batch that was sent already: should it stay on its way for an hour, commit then, and its
// process die before the outbox, then its events are in no feed until reconciliation finds them.
//
// # Concurrency and lifecycle
//
// All methods of [Store] are safe for concurrent use, within a process and between processes.
// [Store.Close] waits for calls under way and for the intents that are being deleted. The Store
// starts no other goroutine: whoever calls RunSweeper owns it.
package scylla
