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
// seconds writes a new one before it commits. Consumers drop what reaches the feed twice. An order that cannot be read, or intents that
// cannot, are tried again by themselves and hold up nothing else.
//
// So an append that was acknowledged, or that happened although its writer never heard of it, is in the feed at last; one that did
// not happen is nowhere.
//
// A heartbeat ([Store.Beat]) is a row of the outbox, too, in partitions of its own and for a minute; the log carries it to the
// readers of the change feed, and listings leave it out.
//
// # Aggregate types
//
// event_store keeps the type of an aggregate in a static column beside the head: once, written with the first events and never changed,
// and a scan of heads gets it with the one row that it reads of each partition. outbox_messages has it in every row, as consumers
// read the log of the rows and nothing else. Null is an order, in what was written before there were types and by processes that
// know none; see schema/005_aggregate_types.cql for what happens while both versions run.
//
// # Outcomes
//
// A conditional write that fails may have happened: the server reports failures and timeouts of rounds that it completes later, and
// the driver then says that nothing was executed. Append resolves this by itself. It reads the order at the serial level, which
// completes or discards an unfinished round for ever, and looks for its command id. If nothing is there it sends the same batch
// again, a few times; the condition keeps the events from being stored twice. What remains is ErrUnavailable when every try was
// answered and came to nothing, and ErrOutcomeUnknown when one may still be on its way through the network.
//
// Saves of consumers and leases are conditional writes, too, and go the same way: a serial read tells what became of a write, and what
// did not happen is tried again. A record of a consumer holds an id of the save that it comes from for that purpose, and is read
// at the serial level only, so that a read sees every earlier save.
//
// Nothing else is replayed, except what has to show (see Parking): the retry policy tries again only reads, and what was surely not
// applied.
//
// # Views
//
// Rows and states carry the sequence number of their event as write timestamp. A write that arrives late, from this process or
// another one, loses against newer ones cell by cell, and no transaction is needed; see [orderflow/domain/projection] for why
// the rows come out right. Deletions are tombstones with the same timestamps; they lose their effect gc_grace_seconds (ten days)
// later, so a process must not be paused for longer than that. Rows are written before the state.
//
// The partitions of a view start with its consumer and generation, so that generations live side by side. Those that would grow
// without bound are split into buckets; view_buckets knows which there are. [Store.DropView] looks through the partition keys of all
// views, as nothing lists those of one. Its deletions have the time for a timestamp, which is far above every sequence number, so
// they also win over what somebody still writes to a view that is gone; the number of a generation is never used again.
//
// # Leases and fencing
//
// A lease is one row: owner and address, which have a TTL and are gone when the time is over, and the epoch, which has none.
// Taking a free lease counts the epoch up and sets the owner in one conditional batch, on condition that both are what was
// read; renewing it is conditional on the same and keeps the epoch. So no two holders have the same epoch, also if the first
// one expired or its write was completed by somebody else. The server counts a TTL from the beginning of a second, so a lease is
// written with a second more than was asked for, and ends up to that much later.
//
// A process that was paused for longer does not know that it lost its lease. What it may still write must do no harm: states and
// rows carry sequence numbers, and offsets carry the epoch, in their key. Each holder has rows of its own in consumer_offsets,
// and those with the highest epoch count, in whatever order they arrive; within one epoch the later save wins. Rejected:
// one row with a write timestamp made of the epoch and a counter. Such timestamps must be below the time of today, or the server
// refuses them, and so they lose for ever against anything that was written, or deleted, with the time for a timestamp: by a
// process that has no lease, or by hand. Old rows cost nothing: there is one for each change of holder, for a week.
//
// # Parking
//
// Parked orders and skips are plain writes. The order of these is told by the clocks of the nodes that coordinate them, and of a
// write and a deletion in the same microsecond the deletion wins. Whoever retries a parked order takes it out and parks it
// again within milliseconds; if the node that took it out was ahead by a few, the new entry would be there and not show, and the
// offset would go past an event that nobody remembers. So each of these calls reads what it wrote at a quorum, and
// writes again until it shows. Conditional writes would do as well, for three times the round trips.
//
// # Clocks
//
// No client timestamp is ever sent, except the sequence numbers above. Leases end by the clocks of the nodes, and intents are as old as
// the nodes say: the one that took an intent dates it, and the one that lists intents says what time it is. The clocks of nodes
// must agree to within some minutes, or an intent could be dropped that much before its hour is over; CDC needs far better clocks.
//
// The clock of the process is compared with theirs, see [Store.Now], and only chooses the slot in which an intent is looked for. If it
// jumps, what is left behind just then is delivered an hour later at most, with the next look at all intents, and nothing is lost.
//
// Nothing here is timed by a clock that stands still while a machine is suspended. A writer that was suspended, or whose clock was
// put back, renews its intent before it commits. What remains is a batch that was sent already: should it stay on its way
// for an hour, commit then, and its process die before the outbox, then its events are in no feed until reconciliation finds them. A
// holder of a lease that was suspended goes on as the holder until it renews; see Leases and fencing for why that does no harm.
//
// # The driver
//
// It ends contexts of its own, such as that of a connection which it loses while a statement is prepared there. Callers are then
// told that the store is unavailable or the outcome unknown; of a context that has ended they hear only if it was theirs.
//
// And it keeps for ever what is lost in the moment in which it gets into the pool of connections. So it is told of the loss of a
// connection a tenth of a second later, see patientDialer.
//
// # Concurrency and lifecycle
//
// All methods of [Store] are safe for concurrent use, within a process and between processes. [Store.Close] waits for calls under way
// and for the intents that are being deleted. The Store starts no other goroutine: whoever calls RunSweeper owns it.
package scylla
