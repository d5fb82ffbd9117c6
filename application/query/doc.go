// Package query answers questions: about one order, about lists of orders, and about what is stored.
//
// # Where an answer comes from
//
// [Orders].Order and [Lists] read what the projections keep, so they may be behind the event store; a caller who has just
// written passes the sequence number that it was given and waits until the view has got that far. [Orders].OrderAt and
// [Orders].Events fold and list the event store itself and are never behind.
//
// OrderAt folds with the same projection that fills the view, so the past and the present of an order have one shape and one
// meaning: what the view shows now is what OrderAt will say about this moment for ever.
//
// # Generations
//
// A projection's version is the generation of its view. Asking under the version that this program was built with never
// mixes rows of two versions, also while another process still fills the older one.
//
// # Failure
//
// A history with a hole or a foreign record is an ErrCorrupt and is not folded. Errors of the ports pass through, wrapped
// with the question. All types are safe for concurrent use; no goroutine is started.
package query
