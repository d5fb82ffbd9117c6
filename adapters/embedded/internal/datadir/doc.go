// Package datadir manages the directory of an embedded store: who may open it, its format, and
// whether its files are still what they were.
//
// # Files
//
//   - LOCK: one process owns the directory. The lock ends with the process.
//   - OWNER: the process that has the directory open, and its address. So tools find the server of
//     a directory ([ReadOwner]).
//   - VERSION: the format of everything in the directory. A directory of a newer format is refused,
//     and so is a directory that holds something else. Data of an older format is read as it is.
//   - STOREID: the id of the store. Whoever makes another store from a copy of the directory
//     deletes it.
//   - WATERMARK and SEAL: what must be there when the directory is opened again, see below.
//   - pebble: the directory of Pebble.
//
// All files have mode 0600 and all directories 0700, because they hold personal data.
//
// # Damage
//
// Pebble verifies a checksum for every block of a table that it reads. But it reads its logs and
// its MANIFEST only up to the first piece that is not whole, and assumes that writing stopped
// there. A flipped bit there would end the history early. Or it would bring back an older list of
// tables, and Pebble would delete the newer ones. SEAL and WATERMARK make it possible to
// distinguish damage from a write that was interrupted.
//
// SEAL is written by a clean shutdown. It has the sizes of all files, and the checksums of those
// that are read in that way. It is compared before Pebble reads or deletes anything. So nothing can
// be missing unnoticed after a clean shutdown.
//
// WATERMARK is written in place while the store runs. It has the position of the last record that
// is durable, and how far each of the last two MANIFESTs is durable. After an unclean shutdown the
// MANIFEST must be readable that far, and the feed must not end before that position.
//
// A difference is an ErrCorrupt that names the file and the way out ([WayOut]).
//
// WATERMARK is not synced with every record, because that would double the cost of an append. If
// the process is killed, nothing of it is lost. After a power cut it may be as old as the operating
// system's write-back allows, about half a minute. If the log is then also damaged after the mark,
// the damage is taken for an interrupted write.
package datadir
