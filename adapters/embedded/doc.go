// Package embedded is the durable default: every store and the change feed in one directory, on Pebble, with nothing to install.
//
// One process owns the directory (file LOCK). OWNER says which process that is and where it answers, so that tools can find it.
// VERSION is the format; a directory that holds something else, or was written by a newer program, is refused.
//
// # Layout
//
// Everything is in one Pebble database, in key spaces told apart by their first byte (see keys.go). Keys of rows sort as the
// tables declare: text is escaped so that no prefix mixes with another, descending columns and buckets are inverted. Records
// have a format byte (see record.go). The outbox holds a whole copy of each record under its position, so the feed is read in
// sequence and can expire by a range deletion while the event store stays.
//
// # Appending
//
// Callers that append at the same time form a group, and one of them leads: it decides every request in the order of arrival
// against heads and commands, those of the same group included, gives the accepted ones their positions in the feed, and
// writes all of it as one batch with one fsync. So an append is atomic, event, outbox row, head and command id together; the
// feed is ordered and has no gaps; and the price of the fsync is shared. Nothing is seen by Load or by the feed before it is
// durable.
//
// A write or an fsync that fails cannot be repeated: what the first attempt did is not to be found out. Its group is told
// ports.ErrOutcomeUnknown, and the store writes no more ([Store.Failed]) until the directory is opened again.
//
// # What needs no fsync
//
// Views, states, offsets and the registry are written without one. They go into the same log as the events, and after a crash
// Pebble replays the log from the front and stops where it ends. So what was written later never survives what was written
// earlier: an offset is behind the effects that it speaks of, and an effect behind its event. After a crash all of them fall
// back together, the feed delivers again from the older offset, and the states drop what is not new.
//
// # The feed
//
// It is pushed: a bounded ring in memory holds the newest records for all subscriptions together, and an append wakes those
// that wait. A subscription that is further behind than the ring reads pages from the outbox; nobody waits for it. Rows older
// than Options.Retention are dropped, all but the newest, and a consumer whose offset is older gets ports.ErrOffsetExpired.
//
// # Corruption
//
// Pebble checks a checksum for every block of a table that it reads, and for every piece of its log; what fails is
// ports.ErrCorrupt. A log that ends early, though, looks to Pebble like one that was torn while it was written. Two files tell
// the difference. WATERMARK holds the position of the last durable record and how much of the MANIFEST was durable; it is
// written in place after each group. An outbox that ends before it has lost something that was acknowledged, and Open says
// so. SEAL is written at a clean shutdown, with the sizes of all files and the checksums of those that Pebble reads up to the
// first error; it is compared before Pebble touches anything. After an unclean shutdown Open logs what was recovered.
//
// A limit remains. WATERMARK itself is not synced, as that would double the price of an append: after a power cut it may be
// older than the log. Damage to exactly that newest piece of the log, after an unclean shutdown, then passes for a torn end. A
// killed process loses nothing of it.
package embedded
