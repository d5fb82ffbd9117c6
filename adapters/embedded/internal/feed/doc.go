// Package feed is the change feed of the embedded store: the outbox, and the subscriptions of the
// consumers.
//
// The outbox is a log of records, each with a copy of its event, so the feed is read in one
// sequence. A position is the number of a record, counted from 1 without gaps. In ports.Position it
// is decimal, and the stream is "".
//
// # Delivery
//
// The feed is pushed. A ring in memory holds the newest records for all subscriptions. It is
// bounded in bytes. Each group of appends wakes the subscriptions that wait. A subscription that is
// behind the ring reads pages from the outbox, and delays no other.
//
// A heartbeat takes the same way through the ring, after the records of its group. It has no
// position and is not stored. A subscription that is so far behind that the ring does not have its
// heartbeats any more gets none until it has caught up.
//
// # Expiry
//
// Once a minute the rows that are older than the retention are deleted, with one range deletion. A
// consumer that has not read them gets a ports.ErrOffsetExpired. A missing row is always noticed,
// because positions have no gaps.
//
// # Damage
//
// A row of the outbox that cannot be read is replaced by the event in the event store. So it stops
// no consumer. If the event cannot be read either, the consumers get a record that only names it,
// see ports.Delivery. If no event is found, the position is skipped and reported. Then the next
// event of that aggregate shows a gap, and the background check of the consumers finds it as well.
package feed
