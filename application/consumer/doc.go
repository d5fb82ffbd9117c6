// Package consumer runs the consumers of the change feed: it brings each one up to date, follows the feed, applies every
// event exactly once, and tells how far behind it is.
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
// # Catching up
//
// A consumer that never ran, whose reducer has a new version, or whose offset is older than what the feed still holds is
// brought up to date from the event store: note durably that it is catching up, move the offset to the end of the feed,
// list every head in the store, and bring every order up to its head. The order matters. The offset moves before the first
// read of history, so an event is in what is read, or behind the offset, or both, never in neither; and the note comes
// before the offset moves and goes when all orders are done, so a crash in between starts over instead of skipping.
//
// # Failures
//
// Handle never gives up: it retries with growing, jittered pauses. After a few attempts the consumer reports the state
// failing and names the order, the event and the error. Until then and after, the order's lane waits and the other lanes
// flow, until what is in flight is bounded by the lanes' buffers; other consumers notice nothing. A panic in a reducer or
// a codec is such a failure and not the end of the process.
//
// Orders that cannot be brought up to date while catching up are set aside and retried in the same way beside the feed; the
// note stays until they are done, so a restart looks at them again.
package consumer
