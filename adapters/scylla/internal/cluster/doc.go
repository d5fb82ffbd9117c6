// Package cluster talks to a ScyllaDB cluster: it opens sessions, works around faults of the
// driver, sends the kinds of requests that the store needs, says what their failures mean, and
// knows what time it is on the servers. It knows no table.
//
// # The driver
//
// The driver ends contexts of its own, such as that of a connection which it loses while a
// statement is prepared there. Callers then get an error that says that the store is unavailable or
// that the outcome is unknown. They get the error of a context only if it was theirs.
//
// The driver keeps a connection for ever that is lost in the moment in which it gets into the pool.
// So the driver is told about the loss of a connection a tenth of a second later, see
// patientDialer.
//
// The driver's own retry policy takes the server's answers about timeouts to mean "not executed".
// The driver also learns late which statements are conditional. See [RetryPolicy] and
// [ConditionalPolicy].
package cluster
