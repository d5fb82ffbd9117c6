// Package consumer runs the consumers of the change feed: it follows the feed, hands every event to
// the view, and decides when a consumer catches up, pauses, moves, rebuilds or stops, without
// losing an event.
//
// # From delivery to effect
//
//	feed ─ Pull ─▶ (lanes) ─ Handle ─▶ filling.View ─▶ ViewStore ─ done ─▶ watermark ─▶ Commit
//
// [Consumer.Pull] reads one consumer's subscription and emits records. [Consumer.Handle] gets them
// back, one at a time for each aggregate, and applies them. What is between the two keeps the order
// within each aggregate and may run different aggregates in parallel; see adapters/fanout. Records
// of aggregate types that the consumer does not take are done at once: nothing is read or written
// for them.
//
// The offset says where to resume. It is committed only up to the first record that is not done
// (see watermark). The sequence numbers in the view make each effect happen once. So nothing is
// lost when the offset is old, and nothing happens twice.
//
// # The parts
//
//   - This package follows the feed. It owns subscriptions and offsets, and starts what runs beside
//     the delivery.
//   - [orderflow/application/filling] brings views up to the events: one aggregate, or all of them
//     in a walk. It owns no goroutine and no lock.
//   - [orderflow/application/rebuild] fills and verifies a new generation.
//     [orderflow/application/reconcile] searches for aggregates that were left behind. Both are
//     walks.
//   - [orderflow/application/parking] keeps which aggregates are parked and which events are
//     skipped, and changes that.
//   - [orderflow/application/decisions] keeps the consumer's record in the registry.
//   - [orderflow/application/lease] keeps the consumer from running in two processes.
//   - [orderflow/application/aside] keeps the records of aggregates that failed while they are
//     tried again.
//   - [orderflow/application/holds] keeps two pieces of work from using the same aggregate at the
//     same time.
//   - [orderflow/application/watermark] keeps offsets from passing a record that is not done.
//   - [orderflow/application/health] keeps the health of the consumer. A status is read from it
//     without waiting.
//   - [orderflow/application/failure] says what an error means: transient, of one event, or of a
//     newer program.
//   - [orderflow/application/consumers] manages all consumers of a process by their names.
//
// This package itself has about 2,300 lines. They are about one thing: a life, and
// what happens to a delivery in it. To divide it further, the parts would have to share the state
// of a life.
//
// # Lives
//
// The decisions of operators about a consumer (paused or not, which generation is live, which one
// is being built, from where on) are its record in the [ports.ConsumerRegistry]. Several processes
// may change it; each compares revisions. A process works as the consumer in lives (see life): a
// life is bound to one state of the record. When that state changes, the life stops taking records,
// waits until what it took is done and committed, and ends. The next life starts from the new
// record. So every decision takes effect between two records, and nothing has to be changed while
// it is in use.
//
// When the wait takes too long, or the lease is lost, records are given up: from then on the life
// commits nothing, so the offset stays before them, and the feed delivers them again.
//
// # Catching up
//
// A consumer catches up from the event store when it never ran, was reset, or has an offset older
// than what the feed still keeps. It stores that it is catching up, moves the offset to the end of
// the feed, and walks over all aggregates. The order of these steps matters. The offset moves
// before the first read of history. So an event is in what is read, or after the offset, or both,
// and never in neither. A catch-up that was interrupted continues at its place and does not move
// the offset again: the feed must deliver from the old offset what the earlier reads did not
// contain.
//
// At an interval a background check visits every aggregate in the same way. It is the last safety
// net and should never find anything; what it finds is counted. The check outlives lives and
// continues after a restart.
//
// # Failures
//
// A transient error is retried for ever, with growing pauses that are partly random. Any other
// error is about the event. After a few attempts its aggregate is parked for this consumer. The
// entry is stored before the event counts as done, so an offset never passes an event that is
// neither applied nor parked. Later events of the aggregate wait in the event store, without cost.
// Other aggregates continue. A retry brings the aggregate up to its last event. A skip records who
// skipped which event and why. A panic is such a failure, and does not end the process.
//
// An aggregate leaves its lane after the first failed attempt, and is tried again aside, by a
// goroutine of its own. So the other aggregates of the lane do not wait for the pauses. Its later
// records wait there behind the one that fails, in order. An aggregate that other work holds, such
// as a retry of an operator, is treated in the same way. None of them counts as done before all of
// them had their effect or the aggregate is parked, so the offset stays before them. When the life
// ends, nobody waits for the next attempt: the records come again in the next life.
//
// All of that is bounded. At most 64 aggregates are aside; another one that fails is tried in its
// lane, which waits. At most 1,024 of their records wait; the lane of another one waits. At most
// 16,384 deliveries follow the offset; then the consumer takes no more before the first one is
// done. With an error about one event that does not happen at usual rates, because its aggregate is
// parked within about 0.6 s. In a long outage it does, and then everything waits anyway.
//
// A record that is aside has been handed to Handle, and was answered. So middleware around Handle
// sees the first attempt only.
//
// When more aggregates fail than Config.MaxParked, the cause is not in the aggregates. The consumer
// then stops itself, and reports that, with its offset before the first of the others, until it is
// resumed.
//
// An event of a type or version that this program does not know was written by a newer program, in
// a rolling upgrade or before a rollback. Its aggregate is parked at once, and waits for a program
// that can read it. Where there are leases, this process leaves the lease to another one, at most
// every ten minutes. A process that takes over, or starts, tries the aggregates that wait, so no
// operator has to act. When too many wait, the consumer stays at its position and keeps trying,
// instead of stopping.
//
// # Generations
//
// A view has a live generation, which is read. It may have a next one, which a rebuild fills, and a
// previous one, to which one can roll back. All three get every event, from the same delivery.
// Those that are not read get it first. So no reader sees an aggregate go back when the live
// generation changes, in this process or in another one that learns of it later. A failure in a
// generation that is not read delays nothing: the aggregate is recorded, and brought up before the
// switch.
//
// A rebuild (see build) walks over all aggregates while events are being delivered, with a limit on
// its speed if one is given. Then it compares the rows with the fold of the events, in the next and
// in the live generation. If anything differs, the rebuild is refused, and waits until an operator
// removes the cause and asks again, or aborts it. Otherwise the consumer drains, which takes
// milliseconds, and the generations change places in one write of the record. After a crash, the
// filling continues at its place.
//
// When a program with another version of the reducer starts, the live generation is served as it
// is, and the next one is built automatically. When the older program starts again, the view goes
// back, too. If the next generation was not complete by then, it is dropped, and the live one is
// brought up to date from the event store, because it did not get the events of the meantime.
//
// Rejected: a consumer of its own, with its own offset, for each generation. Its offset would have
// to be compared with the live one's at the switch, which positions of a feed do not allow, and a
// rebuild would read the feed a second time.
//
// # Leases
//
// Where several processes run, a [ports.Leases] lets one of them work as the consumer. The others
// are on standby. A process that cannot renew its lease for half of its time stops, while the lease
// still protects it. A process that was suspended for longer does not know that. What it still
// writes is fenced: offsets carry the epoch of the lease, and views carry the sequence numbers. At
// worst it publishes something twice.
//
// A feed that spreads the aggregates over processes by itself, as a consumer group of Kafka does,
// is shared: all processes work as the consumer, without a lease. What only one process may do is
// done under the lease, while the others end their lives and are on standby: catching up, because
// it sets the end of the feed for all; and building a generation, because it must get every event.
// Another process may have released an aggregate that this one knows as parked. So the parking lot
// is asked before a record of such an aggregate is left out, and after a release the aggregate is
// brought up again.
package consumer
