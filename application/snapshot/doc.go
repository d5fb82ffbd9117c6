// Package snapshot keeps what the first events of long histories amount to, so that a reader folds
// only the events after that.
//
// A snapshot is never needed. Each one says which version of its form it has, which event was the
// last one that was folded, and a checksum. When any of that does not fit, the snapshot is not
// used: it is counted, the reader folds the events instead, and the writer replaces it. No caller
// ever gets an error because of a snapshot.
//
// The last event is compared by its id. So a snapshot of another history, for example of one that a
// restored backup does not have, is not mistaken for one of this history.
//
// # Writing
//
// A command handler says how long a history has become ([Shelf].Note). [Keeper].Run writes
// snapshots in the background, after the events are durable. It folds the stored events and not
// what a handler has in memory. The queue is bounded. What does not fit is dropped: the next
// command, or the next reader that has to fold a long history, asks again.
//
// A snapshot is written for every Config.Every events, and the one before it is deleted. A kind
// that is for readers of the past (Kind.Each) keeps them all. Where the
// data of a kind grows with the history (Kind.Grows), histories of more than 50 times that many
// events have fewer: with a constant number of events between two of them, the cost of an event
// would grow with its history.
package snapshot
