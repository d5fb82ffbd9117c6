// Package projection holds the read models as pure, total reducers over the events of one order.
//
// A [Projection] has a name (which is also the name of its consumer), a version, a [Table], and two functions: one folds an
// event into a small state, the other says which rows of the table that state amounts to. [Projection.Advance] compares the
// rows before some events with the rows after them. Nothing here reads or writes: the runtime keeps the state between calls
// and hands the difference to storage. An order that moves from one status to another is simply an order whose row has
// another key.
//
// Reducers are total. They accept every event in every state, never validate, and ignore what they do not care about; the
// only thing that can go wrong with a stored event is that it cannot be decoded.
//
// # Adding a projection
//
// Write one file here with a state, its reducer, its rows and its table, and add it to [All]. See orders_by_sku.go.
package projection
