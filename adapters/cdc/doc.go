// Package cdc is the [ports.ChangeFeed] of an outbox table in ScyllaDB. It reads the table's CDC
// log once for all consumers of a process, and delivers to each its records, in order, from its own
// offset on. [orderflow/adapters/cdc/cdclog] reads the log, and [orderflow/adapters/cdc/hub] keeps
// what is in memory. This package connects the two, and loads and saves offsets.
//
// # Two readers
//
// A CDC log is read by time. A row becomes visible when its write is done, at a place in the log
// that its timestamp has chosen before. So the younger the rows are that a reader reads, the
// earlier they arrive, and the more of them it misses. Therefore the log is read twice, by two
// readers of the same kind.
//
// The fast reader reads rows at the age of [Config.FastDelay]. It slows down while nothing comes,
// and [Feed.Wake] wakes it. The safe reader reads rows at the age of [Config.Confidence]. It finds
// what the fast reader has missed, and only its progress moves offsets. A row that becomes visible
// later than that is found by neither, for example the replay of a write after a coordinator died.
// The consumer notices the gap when the next event of the aggregate arrives, and reads the event
// store. Reconciliation finds it without a next event.
//
// In a process in which nothing follows the feed, the fast reader makes a pass in
// [Config.UnusedDelay] only, and Wake does nothing: other processes run all consumers, and nobody
// has a stream open here. So the cost of an idle fleet is that of the processes that work, and a
// little for each of the others. The first subscription or tail wakes it.
//
// With tablets, the list of stream sets is what the node that answers knows, and nodes learn of a
// set at different moments. So a set that one node has listed stays known until a node lists only
// later ones. A set that was in use before the readers knew it is read from its start. And a set is
// read beyond its end, because a node that has not learned of the next one goes on writing to it:
// for 10 seconds by the fast reader, and for 10 minutes by the safe reader and in pages, where it
// costs little. A row after the 10 seconds is late (see [Stats]), and it is logged that a node is
// in trouble. A row after the 10 minutes is lost to the feed. Servers announce a set about a minute
// before it begins, so such a node has learned nothing for more than that.
//
// With the defaults, an old set costs the safe reader one query for 100 streams in each pass, every
// 10 seconds: 60 queries in all. A page of the 10 minutes after a change asks that much more, too.
// After many changes in a short time, all sets of the last 10 minutes are read.
//
// A query names up to 100 streams, the usual limit of a server. An operator may lower that limit
// while the server runs. A query that is refused is then divided, and all later ones are smaller.
//
// # From log to consumer
//
//	fast reader ─┐                                        ┌─▶ subscription
//	             ├─▶ duplicates out, sorted ─▶ tail ──────┼─▶ subscription
//	safe reader ─┘                              (memory)  └─▶ subscription ◀── pages of the log,
//	                                                                           when it is behind
//
// The hub drops records that came before. A record whose predecessor has not come waits for
// [Config.Patience], also when nothing is known about its aggregate. Then it is released with a gap
// before it. The hub knows the [Config.Remembered] aggregates that had events last. So after a
// restart the first event of an old order waits once, and its next ones do not.
//
// Nothing waits for a consumer. Records go into the tail, which is the end of the feed in memory,
// with a bounded size. Each subscription reads the tail at its own pace. A consumer that falls
// behind the tail reads pages of the log separately, until it is attached to the tail again. After
// a restart every consumer does so.
//
// Attaching leaves no gap. The end of the tail and the greatest time in it are read together. The
// log is read up to that time, and the tail from that end on. Records that the readers find in the
// meantime, in a time that was already read, are given to the consumer directly. Records that the
// hub has not released yet are left out of pages, so that a page never overtakes a late
// predecessor. The hub recognises duplicates by what it has kept of each record, which is bounded.
// Older duplicates are delivered, and consumers drop them.
//
// # Offsets
//
// The log orders each stream by time, and all streams are read up to the same times. So a
// consumer's offset is one time for the whole log ([WholeLog]): everything up to it is done. It is
// the earliest of the safe reader's progress, the uncommitted records, and the undelivered records.
// So it advances while nothing happens, and survives a change of stream sets, in which an aggregate
// moves to another stream. It never passes a row that may still be found. After a restart about the
// last [Config.Confidence] is delivered again.
//
// A consumer that subscribes again in the same process continues after what it has committed. What
// it has read of the log stays in memory until then, bounded by a page, or until another process
// moves its offset. In another process it continues from the saved time. A late row has an early
// time, and holds the offset back until it is committed, after its predecessors. So a consumer that
// changes the process each time before it has handled the records of the time by which rows are
// late gets the same ones again and again. It loses none, and advances when it stays longer.
//
// Offsets are saved now and then and at the end of Run, each separately. A process that is killed
// loses only time. Several processes may serve the same consumer. Each saves only offsets that are
// correct as far as it knows. An offset that another process has saved is used by the next
// Subscribe.
//
// Positions of deliveries are numbers in one stream, "". They mean nothing to another subscription.
//
// # Tails
//
// A tail ([Feed.OpenTail]) is a place in the feed without a name. It reads memory and pages of the
// log like a consumer, but it is in no list: no offset is saved for it, and neither lag nor
// headroom counts it. Its place is a time in the log, so it is true in every process and after a
// restart. The time is the safe reader's progress when the record went into the tail of memory, and
// never after a record that is held. So a client that continues gets the last [Config.Confidence]
// and a pass again, and misses no row that either reader has found since. In the same process it
// gets nothing again, unless it was cut off while it read pages of the log: the place also has the
// number of the record in memory. A tail is live when the fast reader has read everything up to the
// time at which it was opened. Only a row that becomes visible later than that comes after it
// although it is older.
//
// # Expiry
//
// The log keeps a row for a time that is an option of the table. The feed reads it from the schema
// when it is opened, and again with every pass of the safe reader. A setting can only make it
// shorter, and [Open] refuses a longer one. An offset has expired when it is older than that, or
// older than the first stream set of the log. Subscribe and Next then say so. This covers the
// consumer that is too far behind. It also covers the consumer that was at the end while the safe
// reader could not read for so long, because rows that were never read are gone.
//
// When the time is made shorter, that applies at once. When it is made longer, rows that were
// written before keep their old time, so an expired offset stays expired. A process that starts
// after that cannot know it. So after making the time longer, let one period of the old length pass
// before you rely on a consumer that is further behind than that.
//
// # Lag
//
// A lag is read from memory: [Feed.Lag] does no I/O and does not wait. It is known only for a
// consumer that is attached to the tail, and only when both readers have read everything up to a
// recent time, [Config.Fresh] and [Config.Stale]. "Everything" means that before that time there
// was no stream set that the reader did not know. So the lag is unknown after a start until both
// have read, and while it cannot be determined whether there are new sets. [ports.Lag].Stale is the
// age of the figures.
//
// # Heartbeats
//
// A heartbeat is a row of the outbox with sequence number 0, the type orderflow.heartbeat and a
// time. The store writes it, and it goes through the log and through both readers like any row. It
// counts for a reader that has found it and then read all streams up to its place, see [Stats]. A
// heartbeat that counts for either reader is passed on to the consumers, once, after every record
// of the log before it, including held records. A consumer that reads the log separately gets none
// until it is attached.
//
// A heartbeat does not cover one case. A record may become visible so late that the fast reader has
// missed it. It comes when the safe reader finds it, which may be after the heartbeat. Such records
// are few, and they are counted ([Stats].Late). Heartbeats are not in the tail, not in pages, not
// in a lag, and they do not make the fast reader read faster.
//
// # Why no library
//
// The safe reader used to be scylla-cdc-go (v1.2.1). Its goroutines depend on the answers of a
// server. One of them divides by zero when the streams of a set are listed late, which ends the
// process. The library needed a second bookkeeping of progress, because it keeps none for idle
// streams. It could get stuck after several changes of sets. It used one query for each vnode,
// where ours uses one for 100 streams. It followed the clock of the process. Everything else that
// it did, the fast reader does as well, with other settings. Here a panic in a reader only makes
// one pass fail.
//
// # Limits
//
//   - The log must have full deltas (the default). Postimages may be on; they are duplicates.
//   - A row that should be a record and is not one is counted, logged, reported
//     ([Config.OnMalformed]) and skipped. The consumers of its aggregate see a gap when the next
//     event comes.
//   - Pages are sorted. But a later event that was written before an earlier one comes first when
//     the boundary of two pages is between them: a gap.
//   - When more aggregates than [Config.Remembered] take turns, their rows wait for the patience
//     each time.
//   - A node that the readers ask must know of a new stream set a fraction of [Config.Confidence]
//     after it has begun. The safe reader may pass a set that it does not know until then. It reads
//     that set from its start later, but a process that starts in the meantime does not. All nodes
//     that take writes must know of it within 10 minutes.
//   - The clocks of the nodes must agree within a fraction of [Config.Confidence]. The clock of the
//     process does not matter for offsets: the safe reader asks a node for the time in each pass.
//     While [Config.Now] is wrong, the fast reader may find nothing, and ages are wrong.
//   - The caller must avoid empty consumer names, and names that processes with different outboxes
//     share.
//
// # Concurrency and failure
//
// One mutex guards the hub. Under it nothing does I/O or waits. Loads and saves of one consumer's
// offset take turns; those of different consumers run concurrently. Failures of the cluster never
// end Run. The readers continue with growing pauses. Next of a consumer that reads pages returns
// [ports.ErrUnavailable] and may be called again, and all other consumers wait. Errors of [Offsets]
// are passed on unchanged.
package cdc
