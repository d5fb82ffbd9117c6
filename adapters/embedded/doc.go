// Package embedded is the durable default: every store and the change feed in one directory, on Pebble, with nothing to install.
//
// # The directory
//
// One process owns it, by a lock on the file LOCK that goes with the process. OWNER says which process that is and where it
// answers, so that tools find the server of a directory ([ReadOwner]). VERSION holds the format: a directory that was written by a
// newer program is refused, and so is one that holds something else; what an older one wrote is read as it is. WATERMARK and SEAL
// are about damage, see below. The directory pebble belongs to Pebble.
//
// # Layout
//
// One database, in key spaces told apart by their first byte (keys.go). Keys of rows sort as the tables declare: text is escaped
// so that no prefix runs into another, descending columns and buckets are inverted (columns.go). Values start with a format
// byte, and a record has exactly one encoding (record.go). The outbox holds a whole copy of each record, so the feed is read in
// sequence and expires by a range deletion while the event store stays. A record says where in the feed it is, so a reader can
// tell what is durable without asking anybody.
//
// # Older data
//
// What an older format wrote is read as it is, for ever, and written anew in the new format when it changes: a record keeps the
// format that it has, a head or a consumer gets the newest one with its next write. A record or a head of format 2 or older
// has no aggregate type, and belongs to an order (ports.LegacyAggregateType).
//
// Rejected: rewriting the directory at open. It would write every record twice, needs room for that on the disk, keeps the
// service away for as long as it takes, and has to be right when it is interrupted at any point. Reading the older format costs
// one comparison a record, and a few lines in record.go and values.go.
//
// VERSION is raised before anything is written, so an older program refuses the directory from then on. There is no way back but
// a backup.
//
// What a consumer keeps for an aggregate (ports.ViewState.Data) is opaque to this package, and its first byte is the consumer's: JSON
// begins with '{', so another encoding can begin with a version.
//
// # Appending
//
// Callers that append at the same time form a group, and the caller of the first request leads it: it decides every request
// in the order of arrival against heads and commands, those of the same group included, gives the accepted ones their positions
// in the feed, writes one batch, waits for one fsync, and answers; meanwhile the next group gathers, and then its first caller
// leads. So an append is atomic (events, outbox rows, head and command id together), the feed is ordered and has no gaps, and
// the price of the fsync is shared. Load, lists and the feed show nothing before it is durable.
//
// Rejected: a goroutine that commits for everybody. It costs two more wake-ups an append, which at one writer is a good part of
// what an append takes beside the fsync, and it needs an owner. Also rejected: a second group in flight while the first is
// synced. It made the groups smaller and nothing faster, and needed an order of its own for the answers.
//
// A request whose context ends before a group takes it is withdrawn. After that its caller waits, for an fsync or two, and
// is told the truth; Close, too, waits for what was taken.
//
// A panic of the leader does not end more than its group. Before the group is given to Pebble, nothing was written, and the
// callers are told so (ports.ErrUnavailable). After that it may be on the disk, which is a failure of the disk as below.
//
// # When the disk fails
//
// A write or an fsync that failed cannot be repeated: what the first attempt did is not to be found out, and the operating
// system may have dropped the data. The group is told ports.ErrOutcomeUnknown, and the store writes no more ([Store.Failed],
// [Store.Err]): every later write is a ports.ErrUnavailable, and so is loading an aggregate whose last append is in doubt. Other
// reads go on. The way out is a restart, which reads what is really there.
//
// Pebble expects to be ended by its logger in that situation. This package does not end processes: it keeps Pebble from
// writing to its logs and MANIFEST instead (fs.go).
//
// # When the disk is full
//
// The store stops writing before the disk is full: below Options.ReserveBytes of free space everything that needs room is a
// ports.ErrFull, and reads go on. So the tables that Pebble writes in the background still fit. The free space is looked at once a
// second, and after every few mebibytes; a flush or a compaction that finds no room says so, too, where a quota limits what the disk
// does not. Nothing has failed then and nothing is in doubt, so writing goes on by itself when there is room again, and no restart
// is needed. Heartbeats, and what makes room (expiry, dropping a view), may use the reserve.
//
// When somebody else fills the disk within an instant, the log itself finds no room. That is a failure as above, because what the
// log holds is not known any more: only reading it anew tells, and what consumers keep in memory may by then be ahead of it. So the
// store writes no more until the process has been started again. A start needs room, however. Until there is some, the store goes
// on answering reads, and [Store.Failed] stays open.
//
// Open needs room for the tables that the logs are turned into. It refuses a disk that has less, and says how much it takes. Pebble
// itself would try for ever, and nothing could interrupt it; fs.go sees to it that the first failure ends it, and so does the end of
// the context.
//
// # What needs no fsync
//
// Offsets, states, rows and parked orders are written without one; only the registry and the log of skips, which hold decisions and
// change rarely, wait for the disk. All of them go into the same log as the events, in the order in which Pebble was given them. Recovery replays the log from the front and
// stops at the first piece that is not whole, and a memtable is written to a table together with all that came before. So what
// is there after a crash is what was written up to some moment: no offset without the effects, and the parked orders, that it
// speaks of, no effect without its event. They fall back together, the feed delivers again from the older offset, and states drop what they have
// seen. What was acknowledged to a writer lies before that moment, because its fsync covers everything that came earlier too.
//
// # The feed
//
// It is pushed. A ring in memory, bounded in bytes, holds the newest records for all subscriptions together, and each group
// wakes those that wait. A subscription that is behind the ring reads pages from the outbox, and nobody waits for it.
// A position is the number of a record in the feed, in decimal, in stream "". Once a minute, or by [Store.Expire], rows
// are dropped that are older than Options.Retention. A consumer that has not read them gets ports.ErrOffsetExpired; as
// positions have no gaps, a missing row is never passed over.
//
// A heartbeat ([Store.Beat]) shows that all of this works: it is a request like an append, in the same queue, group, batch and
// fsync, and comes through the ring behind the records of its group. It has no position and leaves nothing on disk (see putBeat),
// so recovery and the files about damage know nothing of it. Subscriptions that are further behind than the ring remembers
// heartbeats get none until they have caught up.
//
// # Damage
//
// Pebble checks a checksum for every block of a table that it reads. Its logs and its MANIFEST, however, it reads up to the first
// piece that is not whole, and takes that for where writing stopped: a flipped bit there would end the history early, or bring back an
// older list of tables and delete the newer ones. Two small files tell damage from a torn end.
//
// SEAL is written by Close: the sizes of all files, and the checksums of those that are read in that way. Open compares it before
// Pebble touches anything, so after a clean shutdown nothing can be missing unnoticed. WATERMARK is written in place while the
// store runs: after each fsync, before anybody is answered, the position of the last record, and after each fsync of a MANIFEST
// how far that one is durable. After an unclean shutdown, Open wants the MANIFEST to be readable that far, the outbox to end
// there or later, and its newest rows to have no hole; it logs what it recovered. Whatever does not fit is ports.ErrCorrupt,
// with the name of the file and the way out. Load checks each history against its head.
//
// A row that cannot be read although the directory could be opened belongs to one aggregate or one consumer, and only that one is
// affected (damage.go). Each is logged once and counted ([Store.Stats]):
//
//   - outbox: the record is taken from the event store. What cannot be read there either is delivered as a record that names the
//     event only, see ports.Delivery. An event is found by its position in a scan of the event store, once for rows that are
//     damaged together.
//   - head, command: the events say what they would. A scan of the heads that meets a damaged block goes on with the events.
//   - event: loading its aggregate is ports.ErrCorrupt; lists show its place.
//   - state, row: the next change writes them anew. Until then the state is ports.ErrCorrupt, and lists go on without the row.
//   - parked aggregate, skip: the entry stays, without what it said.
//   - offset: ports.ErrOffsetExpired, so the consumer is brought up to date from the event store.
//
// What remains: WATERMARK is not synced with each group, as that would double the price of an append. A process that is killed
// loses nothing of it. After a power cut it may be as old as the operating system's write-back allows, half a minute or so; if
// the same log is then also damaged, in what was written after the mark, its end passes for a torn one. Offsets and views,
// which fall back after a crash in any case, may fall back further through damage. And what is damaged in Pebble's files and
// in the two small ones alike is beyond this.
//
// # Measured
//
// BenchmarkAppend compares Append with Pebble alone, which is given the same keys and values by the same number of goroutines.
// On two cores and an SSD with an fsync of about 0.2 ms: 0.95 to 1.0 of Pebble at one writer, 0.75 to 0.8 at 64. The
// difference is looking up heads and commands, which Pebble alone is spared, and that one caller at a time prepares a group: when
// other processes compete for the cores it grows, to 0.5 at the worst.
package embedded
