// Package scylla stores events, the outbox, read models and what consumers have to remember in ScyllaDB.
//
// The schema is in schema/*.cql, with comments for those who look after the cluster; [ApplySchema] applies it, and [Open] does not
// start on one that this program does not know.
//
// # Writing
//
// A conditional batch of ScyllaDB, the only thing that gives optimistic concurrency, cannot reach beyond one partition, and CDC,
// the only thing that gives an ordered feed, is best kept off tables with conditional writes. So no single statement can append
// events and announce them. An append is four steps:
//
//  1. insert an intent into append_intents;
//  2. the commit point: one conditional batch on the partition of the order in event_store, which moves the head on if it is
//     the expected one, and inserts the events;
//  3. insert the same events into outbox_messages, whose CDC log is the change feed;
//  4. delete the intent, in the background.
//
// Step 1 comes before step 2 and costs one round trip. Whatever dies after it leaves the intent, and the sweeper
// ([Store.RunSweeper], in every process) takes it from there: it reads the order at the serial level, writes the events to the
// outbox if the command committed, and deletes the intent. If it did not commit, the intent is looked at again when it is a
// minute, ten minutes and an hour old, because its writer may only be paused; and a writer whose intent is older than some
// seconds writes a new one before it commits. Consumers drop what reaches the feed twice.
//
// So an append that was acknowledged, or that happened although its writer never heard of it, is in the feed at last; one that did
// not happen is nowhere.
//
// # Outcomes
//
// A conditional write that fails may have happened: the server reports failures and timeouts of rounds that it completes later, and
// the driver then says that nothing was executed. Append resolves this by itself. It reads the order at the serial level, which
// completes or discards an unfinished round for ever, and looks for its command id. If nothing is there it sends the same batch
// again, a few times; the condition keeps the events from being stored twice. What remains is ErrUnavailable when every try was
// answered and came to nothing, and ErrOutcomeUnknown when one may still be on its way through the network.
//
// Nothing else is replayed: the retry policy tries again only reads, and what was surely not applied.
//
// # Views
//
// Rows and states carry the sequence number of their event as write timestamp. A write that arrives late, from this process or
// another one, loses against newer ones cell by cell, and no transaction is needed; see [orderflow/domain/projection] for why
// the rows come out right. Deletions are tombstones with the same timestamps; they lose their effect gc_grace_seconds (ten days)
// later, so a process must not be paused for longer than that. Rows are written before the state.
//
// The partitions of a view start with its consumer and generation, so that generations live side by side. Those that would grow
// without bound are split into buckets; view_buckets knows which there are.
//
// # Clocks
//
// No client timestamp is ever sent, except the sequence numbers above. Config.Now only dates intents: if the clocks of two processes
// differ, their intents are swept earlier or later, to no other effect.
//
// # Concurrency and lifecycle
//
// All methods of [Store] are safe for concurrent use, within a process and between processes. [Store.Close] waits for calls under way
// and for the intents that are being deleted. The Store starts no other goroutine: whoever calls RunSweeper owns it.
package scylla
