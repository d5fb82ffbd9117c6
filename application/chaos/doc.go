// Package chaos makes faults on purpose in a service that is there for practice, so that people can
// see what a fault looks like before they meet one, and try what helps.
//
// A fault is made where the real one would come in: an event that cannot be decoded, a reader of
// the change feed that delivers nothing, a store that has no room. Everything else is the service
// as it is: it parks, reports, refuses and recovers as ever. Nothing is lost by a fault. Each ends
// after a time, at the latest with the process.
//
// There is no fault for a lease: only several processes have leases, and this is for one process
// on the embedded store.
package chaos
