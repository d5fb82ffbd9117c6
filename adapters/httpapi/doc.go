// Package httpapi is the server of the HTTP API: it listens, routes, observes and describes. What
// it serves comes as a list of operations, see package endpoint; it knows no aggregate type.
//
//	endpoint       operations as values, the calls that they serve, and the one table from errors to problems
//	aggregateapi   what the routes of every aggregate type share
//	orderapi       the routes of orders
//	opsapi         the routes for operators
//	openapi        the description, made from the operations
//	strictjson     the reader of request bodies
//
// # Another aggregate
//
// The routes of another aggregate type are a package beside orderapi: it returns an
// [endpoint.Resource], which is one more element of [Config].Resources.
//
// # Access
//
// The API has no authentication of its own, and whoever reaches it may use all of it, the
// operations on consumers included. By default it listens on the loopback interface only. Anywhere
// else it belongs behind something that knows who asks: a reverse proxy or a service mesh, which
// can tell /v1/orders and /v1/customers, for applications, from the rest, for operators.
//
// A browser sends what a page of another site makes it send, also to a service on the loopback
// interface. Such a request is refused with 403 unless it only reads. A page can also have a name
// of its own that leads to the loopback interface; a request that names a host which is not one of
// the service is refused with 421. Clients that are no browsers are not affected.
//
// # Errors
//
// Package endpoint has the one table from errors to answers. What net/http refuses before there is
// a request (a malformed request line, headers above 256 KiB) is answered by it, in plain text.
//
// # Concurrency and shutdown
//
// A [Server] is safe for concurrent use. It starts no goroutine besides those of net/http. Each
// request has a deadline, and its context ends when its client leaves. See [Server.Run] for how it
// stops.
package httpapi
