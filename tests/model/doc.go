// Package model checks the whole path from command to view against what it promises, under every disorder that the contracts
// of the parts allow: duplicates, delays, losses, reordering across aggregates, crashes at any point, and several processes that
// do the same work at once.
//
// It knows no aggregate: a [Domain] says which commands there are and which projections. The tests of this package run it for
// orders; tests/otherdomain runs it for a second aggregate, and for both beside each other.
package model
