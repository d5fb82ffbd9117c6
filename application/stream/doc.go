// Package stream lets any number of clients follow events as they are committed: those of one
// aggregate, or those of all. It knows nothing of HTTP and of any aggregate type.
//
// # One aggregate
//
// The event store is the only source. A stream reads the history after the last event that the
// client has, and again whenever something has happened to the aggregate. So an event comes exactly
// once, in order and without a gap, over any number of reconnects.
//
// Something has happened when the watcher says so. The watcher has one tail of the feed for the
// whole process, and only while there are such streams. A stream registers with the watcher before
// it reads the history for the first time. So an event is in that history, or the watcher sees it.
// When the feed fails, the watcher opens it again and then wakes all streams. Two signals are one,
// so a client that does not read costs nothing but its registration and a page of a history.
//
// Rejected: a tail for each stream, of which the events of other aggregates are thrown away. With
// 256 streams every event would be decoded 256 times.
//
// # All aggregates
//
// A stream has its own tail of the feed, see [ports.FeedTail]. The id of an event is the place of
// the tail after it, together with the id of the store. So a place of another store is refused.
//
// The events of one aggregate come in order. A feed may show a later event first. Then the stream
// reads the missing ones from the event store. It knows the last event of the [mostKnown]
// aggregates that had events last. So an event is out of order only in one case: the feed shows it
// late, and no event of its aggregate had come in this stream before the later one. It is delivered
// then, because nothing is dropped.
//
// Every process serves these streams from the feed of its store, whatever the source of its
// projections is. The feed of a ScyllaDB store runs in every process anyway. So a stream needs no
// broker, its ids are the same in all processes, and an event is visible as early as anywhere.
// Rejected: reading the topic without a group where the projections read it. Two kinds of ids would
// exist, a client could not resume at a process with another source, and events would come only
// after they were published.
//
// # Filters
//
// A filter names a list that a projection keeps, such as the orders of one customer. An event
// passes when its aggregate is in that list right after the event. That is decided by a fold of the
// history and not by the view, which may be behind. The folded states of the aggregates that had
// events last are kept for all streams of the process, at most [mostFolded] of them and
// [mostFoldedBytes] bytes. Any other is read from the event store. An event that this program
// cannot decode passes every filter, because hiding it would be a gap without a word.
//
// # Bounds
//
// A stream of all aggregates has at most one page in memory: 256 events, and about 1 MiB. A stream
// of one aggregate has at most 256 events of a history. Nothing here waits for a client, and no
// client delays another one or a consumer.
//
// # Concurrency
//
// [Streams] is safe for concurrent use. [Streams.Run] has the watcher and blocks. The package
// starts no goroutine.
package stream
