// Package plan draws the schedules of the fault run: what a round consists of, and which fault
// happens after how many commands.
//
// A [Schedule] is a plain value. [New] draws it from a seed, String prints it, and [Shrink] looks
// for a shorter one that still fails. Nothing here runs a service.
//
// Each part of a schedule is drawn from a random stream of its own. So a new kind of fault, or
// another probability of one kind, does not change what a seed means for the other kinds.
package plan
