// Package e2e runs the real binary as a user would: over HTTP and the command line, on a temporary
// directory and a free port. It also kills the binary without warning.
package e2e
