// Package memory implements the ports of storage in memory: the reference for what each of them means, and what tests of
// the application run on.
//
// [Store] is the event store, the change feed, the views, the registry of consumers, their leases, parked orders and skips, and
// the listings over them; [Publisher] is a target of its own. Both pass the contract suites of ports/porttest in full.
//
// # How it works
//
// Everything is in maps and slices behind one mutex, so each call is atomic, and each is also seen whole by the next one.
// The outbox is a slice in the order of the appends, of all aggregates together. The feed is therefore one stream, named
// "", and a position in it is the number of a record, counted from 1, in decimal. A consumer's offset is the number of the
// last record that it committed; a subscription is just the number of the last record that it was given, so a consumer that
// does not read costs nothing but a few heartbeats, which wait with each open subscription. Rows are kept under an order-preserving encoding of their key (see rowKey), which
// makes a listing a prefix of a sorted list, and a cursor the last key that was seen.
//
// # Limits
//
// It grows for ever: the history, as in every store, but the outbox as well, until [Store.Expire] drops it. A listing
// of rows sorts the whole table. Nothing is written anywhere, so what is lost in a crash is everything; what survives a
// restart can be tried with [Store.Reopen].
//
// The package starts no goroutine. A call that blocks (Next of a subscription) ends with its context, with its subscription
// or with the store.
package memory
