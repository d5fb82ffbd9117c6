// Package erasure erases the personal data of a subject: of a customer whose orders keep texts
// that are sealed with a key of its own.
//
// # Order
//
//  1. The request becomes durable, as an event of an aggregate of its own. Nothing is destroyed
//     before that. A service that destroys first and crashes then does not know any more why it
//     cannot read its events.
//  2. The subject is blocked: what would be sealed with its key is refused from then on.
//  3. The key is destroyed. Every event of the subject now decodes to an erased value, wherever its
//     bytes are: in the store, the feed, an export, a backup.
//  4. What was derived from the events when they could be read is written again, from the events as
//     they decode now. Each [Place] knows how: views, parked aggregates, snapshots, memory.
//  5. What was replaced is removed from the files of the store, where the store can do that, once
//     for all erasures that wait. See [ports.Purger]. It costs as much as writing the views once.
//     The search for the aggregates also reads one event of each, so an erasure has that order of
//     cost anyway, and it is rare.
//  6. The end becomes durable, with what was found.
//
// [Eraser.Erase] does the first three steps before it answers. [Eraser.Run] does the others. Every
// step can be repeated. So after a crash Run begins again with step 2, whichever step it was, and
// the end is the same. Run does steps 2 and 3 at each start for every erasure that there ever was,
// because a key may have come back with an old copy of the keys.
//
// The events may be an old copy, too. Then they know nothing of the erasure, and the views beside
// them have what was erased. The keys keep a record of every erasure. So Run requests each one that
// the events do not know again, and the other steps follow. The service is not ready before that.
// Queries show nothing of it meanwhile, because they ask for the key of each row, see [Mask].
//
// # Which aggregates
//
// The subject of an aggregate is found in its first event. Run reads the first event of every
// aggregate once for all erasures that wait. A list of the orders of a customer would be shorter,
// but a view may be behind, and what is missing from it would keep personal data. New aggregates of
// the subject may appear meanwhile. They hold nothing that is personal, because step 2 came before.
//
// # What is not erased
//
// Events that were stored before personal data was sealed are not changed: histories never are. The
// erasure counts them and ends as partial. A move into a new store with the same keys ("orderflow
// export", "orderflow import --seal") leaves that data behind. What has left the service is not
// changed either: copies of views in backups, and what was published in plain. The events of the
// request and of the end are published like all others, so that those who have it can act.
//
// A place that cannot be written at the moment, for example the view of a consumer that is paused,
// is tried again until it works. The erasure does not end before that, and says what it waits for.
package erasure
