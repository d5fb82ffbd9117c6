// Package cli is the command line: it reads flags, environment and configuration file, runs the service, and holds the
// commands that talk to it.
//
// Every command but serve is a client of the HTTP API. It finds the service that owns the data directory by what that wrote
// there, or takes the address that it is given; if no service runs, it starts one of its own for the time that it needs. So
// there is one way to do each thing, whether the service runs or not.
//
// Exit status: 0 when all went well, 1 when the command could not be completed, 2 when it was used wrongly, 3 when it was
// completed and the answer is bad (refused commands, differences found).
package cli
