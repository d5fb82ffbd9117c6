// Package model checks the path from command to view under every disorder that the contracts of the
// parts allow: duplicates, delays, losses, reordering between aggregates, crashes at any point, and
// several processes that do the same work at once.
//
// It knows no aggregate type. A [Domain] says which commands and which projections there are. The
// tests of this package run it for orders. tests/otherdomain runs it for a second aggregate type,
// and for both side by side.
package model
