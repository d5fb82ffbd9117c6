// Package projection is what a read model is: a pure, total reducer over the events of one aggregate, and the table that its
// rows go to. It knows no particular aggregate.
//
// A [Projection] has a name (which is also the name of its consumer), a version, the aggregate types that it takes, a
// [Table], and two functions: one folds an event into a small state, the other says which rows of the table that state
// amounts to. [Projection.Advance] compares the rows before some events with the rows after them. Nothing here reads or
// writes: the runtime keeps the state between calls and hands the difference to storage. An aggregate that moves from one
// status to another is simply an aggregate whose row has another key.
//
// Reducers are total. They accept every event in every state, never validate, and ignore what they do not care about; the
// only thing that can go wrong with a stored event is that it cannot be decoded.
//
// # Several aggregate types in one table
//
// Events are in order within one aggregate only, so a state belongs to one aggregate, and so does every row: [Table].Owner
// names the key column with its id. A projection may take several types, and its table is the union of the rows that each
// aggregate contributes: what is to be read together shares the leading key columns. What would need the state of two
// aggregates in one reducer has no defined order, and belongs into a process that sends commands, or into the reader.
package projection
