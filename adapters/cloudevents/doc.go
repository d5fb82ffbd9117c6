// Package cloudevents publishes events as CloudEvents 1.0 in structured mode: as JSON, one event a
// line, to a file or to another writer.
//
// # The event
//
//	id               event id                     sequence       sequence number, 20 digits
//	source           Config.Source                eventversion   event version, an Integer
//	type             event type                   commandid      command id
//	subject          aggregate id                 correlationid  correlation id
//	time             created at                   causationid    causation id
//	datacontenttype  application/json             data           the payload, as it is
//
// source and id together identify an event. Receivers recognise duplicates by them.
//
// sequence is the extension of that name. Its values must be orderable as strings, so the number is
// padded with zeros to 20 digits. Without the zeros event 10 would come before event 9. A parser of
// decimal numbers accepts the zeros. The number counts the events of one subject, from 1 and
// without gaps. Numbers of different subjects cannot be compared. There is no sequencetype: its one
// defined value, Integer, is limited to 32 bits and has been dropped from the extension.
//
// A payload that is JSON is embedded byte for byte. Only line breaks between its tokens are
// removed, because the event must stay on its line. A payload that is not JSON becomes data_base64,
// with the content type application/octet-stream. An empty payload becomes an event without data.
// Attributes whose id is absent are left out. The record's metadata is not published: its keys need
// not be valid attribute names, and it may contain data about users. There is no dataschema,
// because there is no document to point to. type and eventversion name the schema.
//
// An event of more than 8 MiB is refused with a permanent error. A bound is needed so that batches
// and the repair of a file take bounded memory. Brokers have lower bounds, usually 1 MiB.
//
// # Batches
//
// One goroutine writes. It takes the events of all callers that wait at that moment, up to about a
// mebibyte, writes their lines in one write, syncs once, and answers all of them. So a single
// caller pays for one fsync an event, and many callers share one. Nothing waits in a queue. When a
// caller's context ends before the writer took its event, the event is not written. When it ends
// afterwards, the caller gets the context's error, and the event is written anyway.
//
// # Files
//
// Publish to a file returns when the line has been synced. The file is only appended to.
//
//   - When a batch cannot be written or synced, the file is cut back to its last durable line, and
//     the error is ports.ErrUnavailable: nothing of the batch is in the file. If the cut fails as
//     well, the error is ports.ErrOutcomeUnknown, and the file is cut back before the next batch.
//     The cut also makes sure that the next sync covers bytes that were written again: after a
//     failed sync, a kernel may regard pages as clean that never reached the disk.
//   - A crash can leave an incomplete last line. It was never acknowledged, so the event will be
//     published again, and OpenFile cuts the line off. If only the newline is missing, OpenFile
//     adds it. The newline may have been lost in another way, and a duplicate event is better than
//     a lost one. OpenFile does not check lines before the last one.
//   - OpenFile never repairs a file that it does not know: a file that does not start with an event
//     of this package is refused.
//   - Before each batch, the path is compared with the open file. After a rotation by rename a new
//     file is started at the path. After a rotation by copy and truncation the writer continues at
//     the new end. A batch that is being written at that moment still goes to the old file.
//   - When the open file was deleted, its events are gone, and a writer that continued would leave
//     a gap. So every further event is refused (ports.ErrUnavailable) until the service starts
//     again and finds a file with another identity. A rotation that deletes the renamed file at
//     once, for example by compressing it, looks the same. It has to keep the file for a while
//     (delaycompress).
//   - Only one process may write to a file. The package does not check that.
//
// # Rotation
//
// The package does not rotate files. scripts/deploy/logrotate has the settings with which logrotate
// does, by time and by size. Libraries that rotate while they write (such as lumberjack) were
// rejected: they neither sync nor tell whether a batch is complete, so a batch could be split by a
// rotation that fails, and they delete old files, which nothing may do here without an operator.
//
// The contract with whatever rotates:
//
//   - A file is renamed, in its directory, to its name with "." or "-" and a number or a date. No
//     signal is needed. The service makes the next file with the next event, in the same place.
//   - A file is not rotated while it is empty (notifempty), and the rotation makes no file
//     (nocreate). A service without events would not notice two rotations.
//   - A file is compressed with gzip at the next rotation (delaycompress), and keeps its time.
//   - A file is not copied and truncated (copytruncate): what is written between the copy and the
//     truncation is lost.
//   - Files that are deleted or moved away are gone for [FileReader], too. It reads the file and
//     what was rotated away, in the order of their last writes, so copies must keep their times.
//
// # The identity of a file
//
// [Publisher.Identity] reports whether a file is still the one for which an offset was saved. It is
// a random id that is created together with the file, in a small file beside it (PATH.id). That
// file also holds the inode and a digest of the first line. OpenFile accepts the id if one of them
// is still the same, or if the inode now has another name in the same directory, which is a
// rotation. The digest is written before the line itself, so that it is there when a process dies
// right after the line. Otherwise the file was deleted or replaced, and gets a new id.
//
// These were rejected. The first line alone: a new file has none when its identity is first needed.
// The inode alone: a new file often gets the inode of the deleted one, and a copy on another disk
// has another inode. Extended attributes: not every file system has them, and copies lose them. One
// case is not detected: when a file was deleted and another program has created it again, empty,
// while no publisher had it open, the new file may get the old inode. It then looks like one that
// was truncated.
//
// A file that has events but no id was written by an earlier version. Its id is derived from its
// first line.
//
// # Writers
//
// Publish to another writer returns when Write has returned. So a published event is as durable as
// the writer makes it. When Write fails in the middle of a line, the rest of that line is written
// before anything else, so that the stream stays one event a line. Until then the outcome of that
// event is unknown. Close does not close the writer, and waits for a Write that hangs.
package cloudevents
