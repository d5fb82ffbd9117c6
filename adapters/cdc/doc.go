// Package cdc is the [ports.ChangeFeed] of an outbox table in ScyllaDB: it reads the table's CDC log once for all consumers of
// a process and gives each one its records, in order, from its own offset on.
//
// # Two readers
//
// A CDC log is read by time. The younger the rows are that a reader takes, the sooner they arrive, and the more it misses: a
// row becomes visible when its write is done, at a place in the log that its timestamp chose before. So the log is read
// twice. The fast reader is ours; it takes rows of [Config.FastDelay], asks for up to 100 streams at once, slows down while
// nothing comes, and is woken by [Feed.Wake]. The safe reader is scylla-cdc-go with a window of [Config.Confidence]; it finds
// what the fast one missed, and only its progress moves offsets. What becomes visible later than that, such as the replay of
// a write that a coordinator left behind, is in neither; the consumer finds the hole with the aggregate's next event and reads the
// event store, and reconciliation finds it without one.
//
// # From log to consumer
//
//	fast reader ─┐                                        ┌─▶ subscription
//	             ├─▶ duplicates out, sorted ─▶ tail ──────┼─▶ subscription
//	safe reader ─┘                              (memory)  └─▶ subscription ◀── pages of the log, when it is behind the tail
//
// The hub drops records that came before. A record whose predecessor has not come waits for [Config.Patience], also when
// nothing is known of its aggregate (the first record of an old order after a restart pays that once), and is then let go with
// the hole. Nothing waits for a consumer: records go into the tail, a bounded piece of the end of the feed in memory, and each
// subscription reads there at its own pace. One that falls behind the tail reads pages of the log by itself, and so does
// every consumer after a restart, until it is attached to the tail again.
//
// Attaching makes no hole: the end of the tail and the greatest time in it are noted together, the log is read up to that
// time, and the tail from that end on. What the readers find meanwhile in the time that was read already is handed over
// directly, and what the hub is yet to let go is left out of pages, so that a page never runs ahead of a late predecessor.
// Doubles are told by what the hub remembers of each record, which is bounded; beyond that they come, and consumers drop
// them.
//
// # Offsets
//
// The log orders each stream by time, and all streams are read up to the same times. So a consumer's offset is one time for the
// whole log ([WholeLog]) instead of one a stream: everything up to it is done. It is the least of the safe reader's progress,
// of the records that are not committed and of those not handed out, and so it advances while nothing happens, survives a
// change of generations, in which an aggregate moves to another stream, and never passes a row that may still be found. After a
// restart the last [Config.Confidence] or so comes again. Offsets are saved now and then, and when Run ends, but a process that is
// killed loses nothing by that except time. Several processes may serve the same consumer: each only ever saves an offset
// that is right by what it knows, and one that another process has saved is taken over by the next Subscribe.
//
// An offset older than [Config.TTL] has expired, and Subscribe, Next and Lag say so. That covers the consumer that is too far
// behind, and also the one that was at the end while the safe reader could not read for so long: what nobody saw is gone.
// Positions of deliveries are numbers in one stream, "", and mean nothing to another subscription.
//
// # Heartbeats
//
// A heartbeat is a row of the outbox with sequence number 0, the type orderflow.heartbeat and a time; the store writes it, and it
// goes through the log and through both readers like any row. It counts for a reader that has found it and then read all
// streams up to its place, see [Stats]. One that counts for either reader is passed on to the consumers, once, behind every record
// of the log before it, held ones included. A consumer that reads the log by itself gets none until it is attached.
//
// What a heartbeat does not say: a record that became visible so late that the fast reader has passed it by comes when the
// safe reader finds it, which may be after the heartbeat. Such records are few, and counted ([Stats].Late).
//
// Heartbeats are not in the tail, not in pages, not in a lag, and no reason for the fast reader to hurry. But to
// scylla-cdc-go they are rows: where a stream of a vnode has one in every window, the quiet streams beside it advance by what the
// windows prove (see below), and offsets follow at a distance of up to [Config.SafeWindow] more.
//
// # Generations
//
// Streams are replaced when nodes come or tablets split. Both readers look for new generations every
// [Config.GenerationDelay]. The fast one reads old streams some seconds beyond their end; the safe one finishes them before
// it starts with the new ones.
//
// # The library
//
// scylla-cdc-go (v1.2.1) needs care. A second Stop panics, so it is called once. An error of the consumer factory leads to a call
// of a nil consumer, so the factory has none. It never saves progress of an idle stream, so its consumers take the
// notifications of empty windows; and as those come only when all streams of a vnode are empty, a quiet stream beside a busy
// one advances by what the width of the windows proves. It may hang after several changes of generations, so it is told to stop,
// then cancelled, then left behind, deaf. When it ends or makes no progress for [Config.Stale], it is started again from where
// it was. Its windows follow the clock of this process and cannot be given another: clocks of servers and of this process must
// agree within a fraction of [Config.Confidence].
//
// # Limits
//
//   - The log must have full deltas (the default); postimages may be on and are duplicates.
//   - A row that is no record is counted, logged and reported ([Config.OnMalformed]), and skipped; its aggregate's consumers see a
//     hole, when the next event comes.
//   - Pages are sorted, but a later event written before an earlier one, at the boundary of two pages, comes first: a hole.
//   - A lag is known only for a consumer that is attached to the tail, while both readers make progress.
//   - An empty consumer name, and names used by processes with different outboxes, are the caller's to avoid.
//
// # Concurrency and failure
//
// One mutex guards the hub; nothing under it does I/O or waits. Failures of the cluster never end Run: the readers go on with
// growing pauses, Next of a consumer that reads pages returns [ports.ErrUnavailable] and may be called again, and everybody
// else waits. Errors of [Offsets] are passed on as they are.
package cdc
