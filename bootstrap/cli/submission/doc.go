// Package submission sends the commands of a file to a service, in order within each order and in
// parallel for different orders. A run that was interrupted can be repeated, and ends like a single
// run.
//
// # Input
//
// The input is UTF-8 text with one JSON object a line. A byte order mark at the beginning and blank
// lines are ignored. A line that is not a command is refused, by the same strict reader as in the
// API, and so is a line that is longer than [MaxLine]. A refusal stops nothing. Only a command that
// gets no answer stops a run, because later commands must not overtake it.
//
// # Idempotency
//
// Each command has an id: its own, or one that is derived from the run, the number of the line and
// its text. The derivation never changes. So a command that a store has accepted is not done twice.
// The store does not keep a command that was refused or that changed nothing. Such a command would
// be decided again, on an order that later lines have changed since. Therefore the journal keeps
// each answer, and writes it before the next command of the same order is sent.
//
// An answer is valid only for the store that gave it and for its run. The journal keeps the answers
// of each store and each run apart, by the id of the store. A store without an id is identified by
// its address. Before the answers are used, one of them is checked: the store must still hold the
// event of the newest accepted command. It does not when it was restored from an older copy, or
// emptied.
package submission
