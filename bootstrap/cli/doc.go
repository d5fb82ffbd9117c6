// Package cli is the command line: it runs the service, and holds the commands that talk to it.
//
// Every command but serve is a client of the HTTP API. It finds the service that owns the data directory by what that wrote
// there, or takes the address that it is given. If no service runs, it starts one of its own for the time that it needs. So
// there is one way to do each thing, whether the service runs or not. A command that only reads starts a passive service, which
// runs no consumers; the others start one with the settings that the data directory was last served with.
// Each command declares what it needs.
//
// Exit status: 0 when all went well, 1 when the command could not be completed, 2 when it was used wrongly, 3 when it was
// completed and the answer is bad (refused commands, differences found, something wrong in a check). 128 and the number of the
// signal when a signal ended it; a service that a signal has stopped in order ends with 0.
package cli
