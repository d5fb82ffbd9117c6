// Package httpapi serves the driving ports over HTTP: commands and queries as JSON, problems as RFC 9457 documents, and an
// OpenAPI 3.1 description of all of it at /openapi.json.
//
// # One list of routes
//
// Each route is one operation: what the description says about it and the function that serves it, side by side. Router,
// description and the index at / are made from the same list. Schemas come from the Go types that are really read and
// written, by way of huma; tests hold each schema against what is accepted.
//
// huma describes, and does not handle. As a handler it validates with status 422, words errors its own way, and lets neither
// be changed for one API: huma.NewError is a variable of the package. It would also decode every body twice. So requests are
// read here, by a small strict reader that can say items[3].quantity, and nothing is global.
//
// # Commands
//
// A request is refused before anything is decided when its shape is wrong: unknown, repeated, missing or null members, wrong
// types, parameters that the path does not have. What values may be is the domain's to say.
//
// An Idempotency-Key becomes the command id: a UUID is taken as it is, and any other key is derived from (UUIDv5). A creation
// that names no order_id derives the order's id from the command id, so that a retry makes no second order. Derivations never
// change.
//
// The entity tag of an order is its sequence number, "7", and a strong one. If-Match compares strongly, so a weak tag never
// matches; a list means any of them; * means any version. If-None-Match compares weakly. RFC 9110 lets the answer to a request
// that would fail anyway outrank the precondition, hence 404 for an unknown order with any If-Match.
//
// A browser sends what a page of another site makes it send, also to a service on the loopback interface. Such a request is
// refused with 403 unless it only reads. Clients that are no browsers are not affected.
//
// # Consumers
//
// What looks after consumers is below /v1/consumers: see how they are, pause, resume, reset and rebuild them, and retry or skip
// what they have set aside. These requests change how the service works and no order. Each can be repeated: to pause what is paused
// changes nothing. The exception is skipping, which passes over the event that fails at the moment; a repetition passes over the
// next one, if that fails too, unless the request names the event.
//
// # Access
//
// The API has no authentication of its own, and whoever reaches it may use all of it, the operations on consumers included. By
// default it listens on the loopback interface only. Anywhere else it belongs behind something that knows who asks: a reverse
// proxy or a service mesh, which can tell /v1/orders and /v1/customers, for applications, from the rest, for operators.
//
// # Errors
//
// problemOf, in problem.go, is the one table from errors to answers. Only errors of the server are logged, here and nowhere
// else; their text stays in the log. A client that leaves is counted as status 499 and not logged. What net/http refuses before
// there is a request (a malformed request line, headers above 64 KiB) is answered by it, in plain text.
//
// # Concurrency and shutdown
//
// A [Server] is safe for concurrent use. It starts no goroutine besides those of net/http. Each request has a deadline, and
// its context ends when its client leaves. See [Server.Run] for how it stops.
package httpapi
