// Package consumer runs the consumers of the change feed: it follows the feed, hands every event to
// the view, and decides when a consumer catches up, pauses, moves, rebuilds or stops, without
// losing an event.
//
// # From delivery to effect
//
//	feed ─ Pull ─▶ (lanes) ─ Handle ─▶ filling.View ─▶ ViewStore ─ done ─▶ watermark ─▶ Commit
//
// [Consumer.Pull] reads one consumer's subscription and emits records; [Consumer.Handle] gets them
// back, one at a time for each aggregate, and applies them. What is between the two keeps the order
// within each aggregate and is free to run different aggregates in parallel; see adapters/fanout.
// Records of aggregate types that the consumer does not take are done as soon as they come: nothing
// is read or written for them.
//
// The offset says where to resume. It is committed only for the unbroken run of records that are
// done (see watermark). Effects happen once because of the sequence numbers in the view, so nothing
// is lost when the offset is old, and nothing doubled.
//
// # The rooms
//
//   - This package follows the feed. It owns subscriptions and offsets, and starts what runs beside
//     the delivery.
//   - [orderflow/application/filling] brings views up to the events: one aggregate, or all of them
//     in a walk. It owns no goroutine and no lock.
//   - [orderflow/application/rebuild] fills and proves a new generation,
//     [orderflow/application/reconcile] looks for what was left behind. Both are walks.
//   - [orderflow/application/parking] keeps which aggregates are parked and which events are
//     skipped, and changes that.
//   - [orderflow/application/decisions] keeps the consumer's record in the registry, and
//     [orderflow/application/lease] the consumer from running in two processes.
//   - [orderflow/application/holds] keeps two pieces of work from one aggregate, and
//     [orderflow/application/watermark] offsets from passing a record that is not done.
//   - [orderflow/application/health] keeps how the consumer is. A status is read from it without
//     waiting.
//   - [orderflow/application/failure] says what an error means: transient, of one event, or of a
//     newer program.
//   - [orderflow/application/consumers] works on all consumers of a process by their names.
//
// What is left here is a little more than 1,500 lines. It is one thing: a life, and what a delivery
// goes through in it. To divide it further, the parts would have to know the state of a life from
// outside.
//
// # Lives
//
// What an operator has decided about a consumer (paused or not, which generation is live, which one
// is being built, from where on) is its record in the [ports.ConsumerRegistry]. Several processes
// may change it, each by comparing revisions. A process that works as the consumer does so in lives
// (see life): a life is bound to one state of the record. When that changes, the life stops taking
// records, waits until what it took is done and committed, and ends; the next one starts from the
// record as it is then. So every decision takes effect between two records, and nothing has to be
// changed while it is prepared.
//
// When the wait takes too long, or the lease is gone, records are given up: from then on the life
// commits nothing, so the offset stays behind them, and they come again.
//
// # Catching up
//
// A consumer that never ran, was reset, or whose offset is older than what the feed still holds is
// brought up to date from the event store: note durably that it is catching up, move the offset to
// the end of the feed, and walk over all aggregates. The order matters. The offset moves before the
// first read of history, so an event is in what is read, or behind the offset, or both, never in
// neither. A catch-up that was interrupted continues at its place and does not move the offset
// again: what it has read before, the feed must bring on from the old offset.
//
// Once in a while every aggregate is looked at in the same way beside the feed. That is the net
// below everything else, and should never catch anything; what it catches is counted. The check
// outlives lives and continues after a restart.
//
// # Failures
//
// A transient error is retried with growing, jittered pauses, for ever. Any other error is about
// the event. After a few attempts its aggregate is parked for this consumer: the entry is stored
// before the event counts as done, so an offset never passes an event that is neither applied nor
// parked. Later events of the aggregate are in the event store and wait there, at no cost; other
// aggregates flow. A retry brings the aggregate up to its last event. A skip notes who passed over
// which event and why. A panic is such a failure and not the end of the process.
//
// When more aggregates fail than Config.MaxParked, it is not about the aggregates: the consumer
// stops itself, loudly, with its offset before the first of the others, until it is resumed.
//
// An event of a type or version that this program does not know has been written by a newer one, in
// a rolling upgrade or before a rollback. Its aggregate is parked at once, and waits for a program
// that can read it. Where there are leases, this process leaves the lease to another one, at most
// every ten minutes. Whoever takes over, or starts, tries what waits, so no operator has to act.
// When too many wait, the consumer stays where it is and tries on, instead of stopping for good.
//
// # Generations
//
// A view has a live generation, which is read, and may have a next one, which a rebuild fills, and
// a previous one, which one can roll back to. All three get every event, from the same delivery,
// those that nobody reads first: so no reader sees an aggregate go back when the live generation
// changes, in this process or in another one that learns of it later. Failures of the others hold
// nobody up; the aggregate is noted and brought up before the switch.
//
// A rebuild (see build) walks over all aggregates, beside live traffic and with a limit on its
// speed if one is given; then it holds the rows against the fold of the events, in the next and in
// the live generation. If anything differs it is refused, and waits until an operator repairs and
// asks again, or aborts it. Else the consumer drains, which takes milliseconds, and the generations
// change places in one write of the record. After a crash, the filling continues at its place.
//
// When a program with another version of the reducer starts, the live generation is served as it
// is, and the next one is built by itself; when the program goes back, so does the view.
//
// Rejected: a consumer of its own, with its own offset, for each generation. Its offset would have
// to be compared with the live one's at the switch, which positions of a feed do not allow, and a
// rebuild would read the feed once more.
//
// # Leases
//
// Where several processes run, a [ports.Leases] lets one of them work as the consumer, and the
// others stand by. A process that cannot renew its lease for half of its time stops, while the
// lease still protects it. One that was asleep for longer does not know; what it still writes is
// fenced: offsets carry the epoch of the lease, and views the sequence numbers. At worst it
// publishes something twice.
//
// A feed that spreads the aggregates over processes by itself, as a consumer group of Kafka does,
// is shared: all processes work as the consumer, without a lease. What one must do alone is done
// under the lease, while the others end their lives and stand by: catching up, because the end of
// the feed is set for all; and building a generation, because it must get every event. An aggregate
// that was parked may have been released in another process, so before anything of it is passed
// over the parking lot is asked, and after a release the aggregate is brought up once more.
package consumer
