// Package cdc is the [ports.ChangeFeed] of an outbox table in ScyllaDB: it reads the table's CDC log
// once for all consumers of a process and gives each one its records, in order, from its own offset
// on. How the log is read is in [orderflow/adapters/cdc/cdclog], and what is kept in memory in
// [orderflow/adapters/cdc/hub]; this package joins the two, and loads and saves offsets.
//
// # Two readers
//
// A CDC log is read by time. The younger the rows are that a reader takes, the sooner they arrive,
// and the more of them it misses: a row becomes visible when its write is done, at a place in the log
// that its timestamp chose before. So the log is read twice, by two readers of the same kind. The
// fast reader takes rows of [Config.FastDelay], slows down while nothing comes, and is woken by
// [Feed.Wake]. The safe reader takes rows of [Config.Confidence]; it finds what the fast one missed,
// and only its progress moves offsets. What becomes visible later than that, such as the replay of a
// write that a coordinator left behind, is in neither. The consumer finds the hole with the
// aggregate's next event and reads the event store, and reconciliation finds it without one.
//
// # From log to consumer
//
//	fast reader ─┐                                        ┌─▶ subscription
//	             ├─▶ duplicates out, sorted ─▶ tail ──────┼─▶ subscription
//	safe reader ─┘                              (memory)  └─▶ subscription ◀── pages of the log, when it is behind the tail
//
// The hub drops records that came before. A record whose predecessor has not come waits for
// [Config.Patience], also when nothing is known of its aggregate, and is then let go with the hole.
// The hub knows the [Config.Remembered] aggregates that had events last. So the first event of an old
// order after a restart waits once, and its next ones do not.
//
// Nothing waits for a consumer: records go into the tail, a bounded piece of the end of the feed in
// memory, and each subscription reads there at its own pace. One that falls behind the tail reads
// pages of the log by itself, and so does every consumer after a restart, until it is attached to the
// tail again.
//
// Attaching makes no hole: the end of the tail and the greatest time in it are noted together, the log
// is read up to that time, and the tail from that end on. What the readers find meanwhile in the time
// that was read already is handed over directly, and what the hub is yet to let go is left out of
// pages, so that a page never runs ahead of a late predecessor. Doubles are told by what the hub
// remembers of each record, which is bounded; beyond that they come, and consumers drop them.
//
// # Offsets
//
// The log orders each stream by time, and all streams are read up to the same times. So a consumer's
// offset is one time for the whole log ([WholeLog]) instead of one a stream: everything up to it is
// done. It is the least of the safe reader's progress, of the records that are not committed and of
// those not handed out. So it advances while nothing happens, survives a change of stream sets, in
// which an aggregate moves to another stream, and never passes a row that may still be found. After a
// restart the last [Config.Confidence] or so comes again. Offsets are saved now and then, and when Run
// ends, each by itself; a process that is killed loses nothing by that except time. Several processes
// may serve the same consumer: each only ever saves an offset that is right by what it knows, and one
// that another process has saved is taken over by the next Subscribe.
//
// Positions of deliveries are numbers in one stream, "", and mean nothing to another subscription.
//
// # Expiry
//
// The log keeps a row for a time that is an option of the table. The feed reads it from the schema when
// it is opened, and again with every pass of the safe reader; a setting only makes it shorter, and
// [Open] refuses one that is longer. An offset that is older than that, or than the first stream set
// that the log has, has expired, and Subscribe and Next say so. That covers the consumer that is too
// far behind, and also the one that was at the end while the safe reader could not read for so long:
// what nobody saw is gone.
//
// When the time is made shorter, that counts at once. When it is made longer, rows that were written
// before keep the time of then, so what has expired stays so. A process that starts after that cannot
// know it: whoever makes the time longer should let one run of the old length pass before a consumer
// that is further behind than that is relied on.
//
// # Lag
//
// A lag is figures in memory: [Feed.Lag] does no I/O and waits for nobody. It is known only for a
// consumer that is attached to the tail, and only when both readers have read everything up to some
// time ago, [Config.Fresh] and [Config.Stale]. Everything means that there was no stream set before
// that time that the reader did not know; so it is unknown after a start until both have read, and
// while nobody can tell whether there are new sets. [ports.Lag].Stale says how old the figures are.
//
// # Heartbeats
//
// A heartbeat is a row of the outbox with sequence number 0, the type orderflow.heartbeat and a time;
// the store writes it, and it goes through the log and through both readers like any row. It counts
// for a reader that has found it and then read all streams up to its place, see [Stats]. One that
// counts for either reader is passed on to the consumers, once, behind every record of the log before
// it, held ones included. A consumer that reads the log by itself gets none until it is attached.
//
// What a heartbeat does not say: a record that became visible so late that the fast reader has passed
// it by comes when the safe reader finds it, which may be after the heartbeat. Such records are few,
// and counted ([Stats].Late). Heartbeats are not in the tail, not in pages, not in a lag, and no
// reason for the fast reader to hurry.
//
// # Why no library
//
// The safe reader was scylla-cdc-go (v1.2.1) once. Its goroutines run on what a server says, and one
// divides by zero when the streams of a set are listed late, which ends the process. It also needed a
// second bookkeeping of progress, as it keeps none for idle streams; could be stuck after several
// changes of sets; took one query for each vnode, where ours takes one for 100 streams; and followed
// the clock of the process. Everything that it did beside that, the fast reader does as well, with
// other settings. A panic in a reader is a failed pass here, and nothing else.
//
// # Limits
//
//   - The log must have full deltas (the default); postimages may be on and are duplicates.
//   - A row that is no record is counted, logged and reported ([Config.OnMalformed]), and skipped; its
//     aggregate's consumers see a hole, when the next event comes.
//   - Pages are sorted, but a later event written before an earlier one, at the boundary of two pages,
//     comes first: a hole.
//   - Rows of more aggregates than [Config.Remembered] that take turns wait for the patience each time.
//   - The clocks of the nodes must agree within a fraction of [Config.Confidence], and [Config.Now]
//     with them.
//   - An empty consumer name, and names used by processes with different outboxes, are the caller's to
//     avoid.
//
// # Concurrency and failure
//
// One mutex guards the hub; nothing under it does I/O or waits. Loads and saves of one consumer's
// offset take turns, and those of different consumers do not. Failures of the cluster never end Run:
// the readers go on with growing pauses, Next of a consumer that reads pages returns
// [ports.ErrUnavailable] and may be called again, and everybody else waits. Errors of [Offsets] are
// passed on as they are.
package cdc
