// Package progress shows how far long work is. On a terminal that is a bar with the rate and the
// time that is left. Elsewhere it is a line every ten seconds, so that no command is silent for
// longer, even when its work does not move.
//
// It has no dependencies. A library for bars draws only when the work moves, and needs a second
// mechanism for everything that is no terminal.
package progress
