// Package cli is the command line: it runs the service and has the commands that use it.
//
// Every command except for serve is a client of the HTTP API. It finds the service that owns the
// data directory by a file that the service has written there, or uses the given address. If no
// service runs, it starts one for the time that it needs. So there is one way to do each thing,
// whether or not the service runs. A command that only reads starts a passive service, which runs
// no consumers. The other commands start one with the settings that the data directory was last
// served with. Each command declares what it needs.
//
// Exit status: 0 success, 1 the command could not be completed, 2 wrong usage, 3 the command was
// completed and the result is bad (refused commands, differences, something wrong in a check), 128
// plus the number of the signal when a signal ended it. A service that a signal has stopped in
// order ends with 0.
//
// # Size
//
// The package has a little more than 1,500 lines. Each file has one command for users of the
// service. Those for operators are in operate, those for whole stores in keep, and what all share
// is in shell.
package cli
