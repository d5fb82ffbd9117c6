// Package arch checks the direction of dependencies: which package may import which, and what must
// not get into the binary. Its tests read the import graph from the go command, so they check the
// code as it is.
package arch
