// Package filling brings views up to the events: the view of one aggregate, or those of all of
// them.
//
// # One aggregate
//
// A [View] is one generation of what one consumer keeps. It knows how far each aggregate is, and
// applies what is next:
//
//   - an event that is not above the stored sequence number is a duplicate, and dropped;
//   - the next one is applied;
//   - above that there is a hole, which is filled from the event store at once. The event store is
//     written before the feed, so what the feed has skipped can be read there. There is no patience
//     to wait whether the missing event still comes: a feed that delivers out of order on purpose
//     (a fast reader beside a safe one) sorts before it delivers.
//
// Several events are applied at once. When that fails they are applied one by one, so that the
// error names the event. Events that an operator has decided to skip are passed over before they
// are looked at; see package parking.
//
// Where a feed cannot be trusted, because others may write to it as well, what it delivers is a
// hint: the events come from the event store, and an event that is not there has no effect. That
// costs one read of the aggregate's new events for each record that is not a duplicate.
//
// # All aggregates
//
// A [Walk] visits every aggregate of some types, several at once: catching up, the filling of a
// rebuild and the background check are walks that differ in what a visit does. A walk ends. What is
// transient is tried again for each aggregate by itself, and a [Place] remembers durably how far it
// has got, so that a restart continues from there.
//
// The package owns no goroutine beyond a call and no lock: its callers keep two effects on one
// aggregate apart.
package filling
