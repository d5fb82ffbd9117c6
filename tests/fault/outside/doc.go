// Package outside is the environment of the processes of the fault run: their network, the targets
// that they publish to, the disk, other programs that write to the feed, and the versions of the
// program itself. Each part can be made to fail.
//
// All types are safe for concurrent use.
package outside
