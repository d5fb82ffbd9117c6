// Package cloudevents publishes events as CloudEvents 1.0: in structured mode, as JSON, one event a line, to a file or to any
// other writer.
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
// source and id together identify an event: receivers tell duplicates by them.
//
// sequence is the extension of that name. Its values must be orderable as strings, so the number is padded with zeros to the
// 20 digits of the largest one: without them event 10 would come before event 9. A parser of decimal numbers reads it all the
// same. It counts the events of one subject, from 1 and without holes; between subjects it means nothing. There is no
// sequencetype: its one defined value, Integer, is limited to 32 bits and has been dropped from the extension.
//
// The payload is embedded byte for byte when it is JSON; only line breaks between its tokens are removed, since the event must
// stay on its line. A payload that is not JSON becomes data_base64, with the content type application/octet-stream; an empty
// one becomes an event without data. Attributes whose id is absent are left out. The record's metadata stays inside: its keys
// need not be valid attribute names, and what it says of users is nobody else's business. There is no dataschema, because
// there is no document to point to; type and eventversion name the schema.
//
// An event of more than 8 MiB is refused with an error that is not worth another try. A bound is needed so that batches and the
// repair of a file take bounded memory; brokers draw the line much earlier, mostly at 1 MiB.
//
// # Batches
//
// One goroutine writes. It takes whatever callers wait at that moment, up to about a mebibyte, writes their lines at once,
// makes them durable at once, and answers all of them. So a single caller pays for an fsync an event, and many share one.
// Nothing waits in a queue: a caller whose context ends before the writer took its event has left no trace. One whose context
// ends afterwards gets the context's error, and the event is written nevertheless.
//
// # Files
//
// Publish to a file returns when the line has been fsynced. The file is only appended to.
//
//   - When a batch cannot be written or synced, the file is cut back to its last durable line, and the error is
//     ports.ErrUnavailable: nothing of the batch is there. If even that fails, it is ports.ErrOutcomeUnknown, and the file is cut
//     back before the next batch. The cut also makes sure that the next sync speaks about bytes that were written anew: after
//     a failed one, a kernel may take pages for clean that never reached the disk.
//   - A crash can leave a last line that is not complete. It was never acknowledged, so the event will be published again;
//     OpenFile cuts it off. A last line that lacks nothing but its newline is completed instead: it may have lost it some other
//     way, and a doubled event is better than a lost one. Lines before the last one are not looked at.
//   - OpenFile never repairs what it does not know: a file that does not start with an event of this package is refused.
//   - Before each batch, the path is compared with the open file. After a rotation by rename a new one is started at the path; after a
//     rotation by copy and truncation the writer goes on at the new end. A batch that is being written at that moment still goes to
//     the old file.
//   - When the open file was deleted, the events in it are gone, and a writer that went on would leave a hole. So every further
//     event is refused (ports.ErrUnavailable) until the service starts again and finds a file with another identity. A rotation that
//     deletes the renamed file at once, such as by compressing it, looks the same: it has to leave it for a while (delaycompress).
//   - One process writes to a file. Nothing enforces that.
//
// # The identity of a file
//
// [Publisher.Identity] tells whoever keeps an offset for a file whether it is still the same one. It is a random id, made together
// with the file, in a small file beside it (PATH.id). That one also notes the inode and a digest of the first line. OpenFile
// believes the id if one of them is still the same, or if the inode has another name in the same directory now, which is a
// rotation. Else the file was deleted or replaced, and gets a new id.
//
// Rejected: the first line alone, because a new file has none when its identity is asked for first. The inode alone, because a
// new file often gets that of the deleted one, and a copy on another disk has another. Extended attributes, because not every
// file system has them and copies lose them. A file that was deleted and made anew by somebody else, empty, while nobody was at work
// on it, may get the old inode and then passes for one that was truncated.
//
// A file that has events but no id was written by an earlier version. Its id is derived from its first line.
//
// # Writers
//
// Publish to another writer returns when Write did, so what is published is as safe as the writer makes it. When Write fails in
// the middle of a line, the rest of that line is written before anything else, so that the stream stays one event a line; until
// then that event's outcome is unknown. Close does not close the writer, and waits for a Write that hangs.
package cloudevents
