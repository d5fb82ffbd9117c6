// Package feed is the change feed of the embedded store: the outbox, and the subscriptions of the
// consumers.
//
// The outbox is a log of records, each with a copy of its event, so the feed is read in one
// sequence. A position is the number of a record, counted from 1 without holes. In ports.Position
// it is decimal, and the stream is "".
//
// # Delivery
//
// The feed is pushed. A ring in memory holds the newest records for all subscriptions. It is
// bounded in bytes. Each group of appends wakes the subscriptions that wait. A subscription that is
// behind the ring reads pages from the outbox, and nobody waits for it.
//
// A heartbeat takes the same way through the ring, behind the records of its group. It has no
// position and is not stored. A subscription that is further behind than the ring remembers
// heartbeats gets none until it has caught up.
//
// # Expiry
//
// Once a minute the rows are deleted that are older than the retention, with one range deletion. A
// consumer that has not read them gets a ports.ErrOffsetExpired. A missing row is never passed over
// unnoticed, because positions have no holes.
//
// # Damage
//
// A row of the outbox that cannot be read is replaced by the event in the event store. So it stops
// no consumer. If the event cannot be read either, the consumers get a record that only names it,
// see ports.Delivery. If no event is found, the position is passed over and reported. Then the next
// event of that aggregate shows a hole, and the check of the consumers in the background finds it
// as well.
package feed
