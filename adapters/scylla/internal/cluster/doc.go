// Package cluster talks to a ScyllaDB cluster: it opens sessions, works around what the driver does
// wrong, makes the kinds of requests that the store needs, says what their failures mean, and knows
// what time it is on the servers. It knows no table.
//
// # The driver
//
// It ends contexts of its own, such as that of a connection which it loses while a statement is
// prepared there. Callers are then told that the store is unavailable or the outcome unknown; of a
// context that has ended they hear only if it was theirs.
//
// And it keeps for ever what is lost in the moment in which it gets into the pool of connections.
// So it is told of the loss of a connection a tenth of a second later, see patientDialer.
//
// Its own retry policy believes the server's answers about timeouts to mean "not executed", and it
// learns late which statements are conditional; see [RetryPolicy] and [ConditionalPolicy].
package cluster
