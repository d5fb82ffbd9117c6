// Package consumer runs the consumers of the change feed: it brings each one up to date, follows the feed, applies every
// event exactly once, and sets aside, pauses, moves and rebuilds without losing one.
//
// # From delivery to effect
//
//	feed ─ Pull ─▶ (lanes of the router) ─ Handle ─▶ Effect ─▶ ViewStore ─ done ─▶ watermark ─▶ Commit
//
// [Consumer.Pull] reads one consumer's subscription and emits records; [Consumer.Handle] gets them back, one at a time for
// each order, and applies them. What is between the two keeps the order within each order (aggregate) and is free to run
// different orders in parallel; see adapters/fanout.
//
// # Exactly once, on at-least-once delivery
//
// For each order the [ports.ViewStore] keeps the sequence number of the last event handled. Handle compares:
//
//   - not above it: a duplicate, dropped;
//   - the next one: applied;
//   - above that: there is a hole, which is filled from the event store at once and counted as healed. The event store is
//     written before the feed, so what the feed has skipped can be read there. There is no patience to wait whether the
//     missing event still comes: a feed that delivers out of order on purpose (a fast reader beside a safe one) sorts
//     before it delivers.
//
// The offset is an optimisation on top: it says where to resume, and it is committed only for the unbroken run of records
// that are done (see watermark). Nothing is lost when it is old, and nothing doubled.
//
// # Lives
//
// What somebody has decided about a consumer (paused or not, which generation is live, which one is being built, from where on)
// is its record in the [ports.ConsumerRegistry]. Several processes may change it, each by comparing revisions. A process that works
// as the consumer does so in lives (see life): a life is bound to one state of the record, and when that changes, it stops
// taking records, waits until what it took is done and committed, and ends; the next one starts from the record as it is
// then. So every decision takes effect between two records, and nothing has to be changed under way.
//
// When the wait takes too long, or the lease is gone, records are given up: from then on the life commits nothing, so the
// offset stays behind them, and they come again.
//
// # Catching up
//
// A consumer that never ran, was reset, or whose offset is older than what the feed still holds is brought up to date from the
// event store: note durably that it is catching up, move the offset to the end of the feed, list every head in the store, and
// bring every order up to its head. The order matters. The offset moves before the first read of history, so an event is in
// what is read, or behind the offset, or both, never in neither; and the note comes before the offset moves and goes when all
// orders are done, so a crash in between starts over instead of skipping.
//
// Once in a while every order is looked at in the same way beside the feed. That is the net below everything else, and should
// never catch anything; what it catches is counted.
//
// # Failures
//
// An error that is about a store or a target as a whole (see transient) is retried with growing, jittered pauses, for ever: to
// go on would lose something, and everything else would fail, too. Any other error is about the event. After a few attempts
// its order is parked for this consumer: the entry is stored before the event counts as done, so an offset never passes an
// event that is neither applied nor parked. Later events of the order are in the event store and wait there, at no cost;
// other orders flow. A retry brings the order up to its last event; a skip notes who passed over which event and why, and
// every later filling of the view passes over it as well. A panic is such a failure and not the end of the process.
//
// When more orders fail than Config.MaxParked, it is not about the orders: the consumer stops itself, loudly, with its offset
// before the first of the others, until it is resumed.
//
// # Generations
//
// A view has a live generation, which is read, and may have a next one, which a rebuild fills, and a previous one, which one can
// roll back to. All three get every event, from the same delivery, those that nobody reads first: so no reader sees an
// order go back when the live generation changes, in this process or in another one that learns of it later. Failures of the
// others hold nobody up; the order is noted and brought up before the switch.
//
// A rebuild (see build) brings every order of the next generation up to its head from the event store, beside live traffic and
// with a limit on its speed if one is given; then it holds the rows against the fold of the events, in the next and in the live
// generation. If anything differs it is refused, and waits until somebody repairs and asks again, or aborts it. Else the
// consumer drains, which takes milliseconds, and the generations change places in one write of the record. After a crash, the
// rebuild goes on: orders that are complete are seen to be so and not filled again.
//
// When a program with another version of the reducer starts, the live generation is served as it is, and the next one is built
// by itself; when the program goes back, so does the view.
//
// Rejected: a consumer of its own, with its own offset, for each generation. Its offset would have to be compared with the live
// one's at the switch, which positions of a feed do not allow, and a rebuild would read the feed once more.
//
// # Leases
//
// Where several processes run, a [ports.Leases] lets one of them work as the consumer, and the others stand by. A process that
// cannot renew its lease for half of its time stops, while the lease still protects it. One that was asleep for longer does
// not know; what it still writes is fenced: offsets carry the epoch of the lease, and views the sequence numbers. At worst it
// publishes something twice.
//
// A feed that spreads the orders over processes by itself, as a consumer group of Kafka does, is shared: all processes work as the
// consumer, without a lease. What one must do alone is done under the lease, while the others end their lives and stand by:
// catching up, because the end of the feed is set for all; and building a generation, because it must get every event. An order
// that was parked may have been released in another process, so before anything of it is passed over the parking lot is asked, and
// after a release the order is brought up once more.
package consumer
