// Package engine runs Pebble in a data directory for the embedded store.
//
// It adds to Pebble what a service needs: it counts the calls that are inside, so that Close can
// wait for them; it stops writing when a write has failed, and before the disk is full; and it
// reports rows that cannot be read.
//
// # When the disk fails
//
// A write or an fsync that failed cannot be repeated. Nobody can find out what the first attempt
// did, and the operating system may have dropped the data. So the write is a
// ports.ErrOutcomeUnknown, and the engine writes no more: every later write is a
// ports.ErrUnavailable. Reads continue. A restart of the process reads what is on the disk.
//
// Pebble expects that its process ends in that situation. This package does not end processes. It
// prevents Pebble from writing to its logs and its MANIFEST instead, see fs.go.
//
// # When the disk is full
//
// The engine stops writing before the disk is full. Below [Options].ReserveBytes of free space, or
// a tenth of a small disk, every write is a ports.ErrFull, and reads continue. So the tables that
// Pebble writes in the background still fit. The free space is looked at once a second, and after
// every few mebibytes of writes. A flush or a compaction that finds no room counts as well, because
// a quota may limit what the disk does not. Nothing has failed then and no outcome is unknown. So
// writes continue by themselves when there is room again, without a restart. Writes that free
// space, such as the deletion of a view, may use the reserve.
//
// If another program fills the disk within an instant, the log itself finds no room. That is a
// failed write as above. Only reading the log again shows what it holds, and what consumers keep in
// memory may then be ahead of it. So the process has to start again. But a start needs room. Until
// there is some, the engine continues to answer reads, and [DB.Failed] stays open.
//
// [Open] needs room for the tables that it makes from the logs. It refuses a disk that has less,
// and says how much it needs. Pebble alone would try for ever, and nothing could interrupt it. Here
// the first failure ends it, and so does the end of the context, see fs.go.
//
// # What needs no fsync
//
// All writes go into one log, in the order in which Pebble gets them. Recovery reads the log from
// the beginning and stops at the first piece that is not whole. A memtable is written to a table
// together with everything that came before. So after a crash everything is there that was written
// before some moment, and nothing that was written later. Whoever needs only that order writes
// without an fsync.
//
// # Size
//
// The package has a little more than 1,500 lines, all about one thing: to use Pebble so that
// nothing of it can end the process, wait for ever, or lose what was told as durable.
package engine
