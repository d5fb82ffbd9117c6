// Package model checks the whole path from command to view against what it promises, under every disorder that the contracts
// of the parts allow: duplicates, delays, losses, reordering across orders, crashes at any point, and several processes that
// do the same work at once.
package model
