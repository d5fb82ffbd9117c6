// Package transfer copies histories out of a store and into another one, as they are stored.
//
// # Export
//
// An [Exporter] lists the event store, one history after the other. To follow, it opens the feed
// before it lists, and reads on after that. What the feed delivers is only a signal: the events
// themselves come from the event store. So whole commands are exported, each in order, whatever the
// feed repeats or loses. Events may come twice when an aggregate has not been heard of for long. An
// import skips them.
//
// # Import
//
// An [Importer] appends each command as it is stored, with [ports.EventStore].Append at the head
// that the command was decided on. So an import writes through the same door as every command: ids,
// times and sequence numbers are kept, the store remembers the command ids, other writers cannot
// come in between, and consumers get the events through the feed. There is no second way to write a
// history that would have to keep these promises, too.
//
// A command that is there already is compared with the imported one. The same bytes are skipped,
// others refuse the aggregate. So an import that was interrupted is run again.
//
// Because each command is compared when it is appended or found, an import does not read the store
// again at its end. To do so doubles what is read, and shows no more unless the store has lied. Who
// wants it all the same asks for it ("import --verify"): a dry run over the same source, which must
// find nothing to do.
//
// # Sealing
//
// A store that was filled before there was a key of personal data has it in plain. An import can
// seal it on the way, with the keys of the target; see [Sealing]. The subject is added to the
// metadata of each event, and a plain digest of its command is replaced by one that is keyed. So
// nobody can find the data by trying what it could be, and a repeated command is still recognised.
// Everything else stays. The data of an erased subject is not sealed again: it is stored as erased.
//
// Sealed bytes differ each time. So what is in the store already is compared open. Of an erased
// subject only what is not personal can be compared. An event that the store has unsealed is
// refused, because histories are not changed.
//
// # Not published
//
// Imported events were published by the store that they come from. So a publisher does not publish
// them, unless the import says so. Before each part of a history is appended, a mark is stored: the
// aggregate, the last sequence number of the part, and its commands. [Unpublished] leaves out what
// marks cover. A mark of which the events never came covers no other event, because it names the
// commands. A mark needs no fsync of its own: what is appended after it is never durable without
// it.
//
// # Memory
//
// An export holds one page of the listing, and the last sequence number of up to 131,072
// aggregates while it follows. An import holds two parts for each worker, and a dry run the last
// sequence number of each aggregate besides.
package transfer
