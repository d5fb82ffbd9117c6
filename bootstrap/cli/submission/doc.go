// Package submission sends the commands of a file to a service, in order within each order and in parallel across orders, so that a
// run that was interrupted can be repeated and ends as one run would have.
//
// # Input
//
// The input is UTF-8 text with one JSON object a line; a byte order mark in front and blank lines are passed over. A line that is
// no command is refused, by the same strict reader that the API has, and so is one that is longer than [MaxLine]. A refusal stops
// nothing. What stops a run is a command that gets no answer, since what follows it must not overtake it.
//
// # Once
//
// Each command has an id: its own, or one that is derived from the run, the number of the line and its text. Derivations never
// change. So what a store has accepted is not done twice. A refused command, or one that changed nothing, leaves no trace in the
// store, and would be decided anew on an order that later lines have changed since. So the journal remembers each answer, before
// the next command of the same order is sent.
//
// An answer is true for the store that gave it and for the run that it was given to. The journal keeps the answers of each store
// and each run apart, by the id of the store; a store that tells no id is known by its address. Before answers are believed, one of
// them is checked: the store must still hold the event of the newest accepted command. It does not when it was restored from an
// older copy, or emptied.
package submission
