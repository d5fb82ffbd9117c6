// Package filling brings views up to the events: the view of one aggregate, or those of all
// aggregates.
//
// # One aggregate
//
// A [View] is one generation of what one consumer keeps. It knows how far each aggregate is, and
// applies what is next:
//
//   - an event that is not above the stored sequence number is a duplicate, and is dropped;
//   - the next event is applied;
//   - an event above that shows a gap, which is filled from the event store at once. The event
//     store is written before the feed, so what the feed has left out can be read there. The View
//     does not wait for the missing event: a feed that delivers out of order on purpose (a fast
//     reader beside a safe one) sorts before it delivers.
//
// Several events are applied at once. When that fails they are applied one by one, so that the
// error names the event. Events that an operator has decided to skip are left out first; see
// package parking.
//
// Records of several aggregates are handled together: one write to the store has all their effects.
// A publisher publishes those of different aggregates at the same time, so that a target which
// writes in batches writes and waits once.
//
// Where a feed cannot be trusted, because others may write to it as well, a delivered record is
// only a hint: the events come from the event store, and an event that is not there has no effect.
// That costs one read of the aggregate's new events for each record that is not a duplicate.
//
// # States in memory
//
// The next event of an aggregate usually follows soon. So a View keeps the states of the aggregates
// that it handled last: the next event needs no read. The newest of them it keeps as the effect
// works with them, which saves the decoding, too. Config.Remember bounds their memory. A state is
// taken out before anything is done with its aggregate, and put back when the store has what
// follows it. So errors, panics, background checks, rebuilds and repairs leave nothing in memory
// that the store does not have. A View lives as long as one life of its consumer: a pause, a reset,
// a switch of generations and a lost lease begin with an empty memory. Where other processes write
// to the view, nothing is kept.
//
// # All aggregates
//
// A [Walk] visits every aggregate of some types, several at once. Catching up, the filling of a
// rebuild and the background check are walks that differ in what a visit does. A walk ends. An
// aggregate that fails is tried again by itself, beside the workers: they go on with others. That
// is bounded, so a store that is away does not make a walk run ahead of it. A [Place] stores how
// far a walk has got, so that it continues from there after a restart. It never passes an aggregate
// that is still tried.
//
// A store of one process reads the states and the histories of several aggregates with one
// iterator each, see ports.BulkReader. There, an aggregate without a state never had a row in the
// view. So no row from between its events is to be deleted, and the rows of its fold are all that
// is written. A state that is damaged is read by itself, and counts as none, but its old rows may
// be there: then every row on the way is deleted, as on a store that others write to.
//
// The package owns no goroutine beyond a call. Its callers make sure that two effects on one
// aggregate do not run at the same time.
//
// # Size
//
// The package has a little more than 1,500 lines. A batch of records (batch.go), one aggregate
// (view.go) and all of them (walk.go, place.go) end in the same write, and must agree on what a
// view has already. So they are in one package.
package filling
