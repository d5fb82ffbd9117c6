// Package memory implements the storage ports in memory. It is the reference for their contracts,
// and tests of the application run on it.
//
// [Store] is the event store, the change feed, the views, the registry of consumers, their leases,
// parked aggregates and skips, and the listings of all these. [Publisher] is a target of its own.
// Both pass the contract suites of ports/porttest in full.
//
// # How it works
//
// Everything is in maps and slices that one mutex guards. So each call is atomic, and the next call
// sees all of its effects. The outbox is a slice of the records of all aggregates, in the order of
// the appends. So the feed is one stream, named "". A position is the number of a record in
// decimal, counted from 1. A consumer's offset is the number of the last record that it committed.
// A subscription is the number of the last record that it was given. So a consumer that does not
// read costs nothing except for a few heartbeats, which wait in its open subscription.
//
// Rows are kept under an order-preserving encoding of their key (see rowKey). So a listing is a
// prefix of a sorted list, and a cursor is the last key that was seen.
//
// # Limits
//
// The store grows without a bound. The history grows as in every store; the outbox also grows until
// [Store.Expire] drops it. A listing of rows sorts the whole table. Nothing is written to a disk,
// so a crash loses everything. [Store.Reopen] simulates a restart.
//
// The package starts no goroutine. A call that blocks (Next of a subscription) ends when its
// context, its subscription or the store ends.
//
// # Size
//
// The package has a little more than 1,500 lines, because one Store is behind every port. Each
// file has one port, and all share one mutex.
package memory
