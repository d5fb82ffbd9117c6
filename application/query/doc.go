// Package query answers queries: about one aggregate, about lists of aggregates, and about what is
// stored.
//
// # Sources of an answer
//
// [Aggregates.Row] and [Lists] read the rows that the projections keep, so an answer may be behind
// the event store. A client that has just written passes the sequence number of its write and waits
// until the view has that event. [Aggregates.RowAt] and [Aggregates.Events] read the event store
// and are never behind.
//
// RowAt folds the events with the projection that fills the view. So a past row has the same
// columns and the same meaning as the row of today, and RowAt will always return for this moment
// what the view shows now.
//
// # The cost of the past
//
// RowAt begins at the newest snapshot before the moment, or at the first event. There is a snapshot
// ([Snapshot]) for every 500 events of a history, so it folds a few hundred events. A history, or a
// part of one, that has no snapshots yet is folded once from its beginning, and then has them. For
// a time it looks at some snapshots, because these are found by their sequence numbers.
//
// Its memory does not grow: it holds one part of the history (500 events) and one state. It reads
// no event after a sequence number that was asked for, and ends when its context ends.
//
// # Generations
//
// Queries read the generation of a view that ports.LiveViews names. So an answer never mixes rows
// of two generations, also while a rebuild fills the next one.
//
// # Failure
//
// A history with a gap or with a record of another aggregate is an ErrCorrupt. It is not folded.
// Errors of the ports pass through, wrapped with the name of the query. All types are safe for
// concurrent use. The package starts no goroutine.
package query
