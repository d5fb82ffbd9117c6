// Package httpapi is the server of the HTTP API: it listens, routes, observes and describes. What
// it serves is given as a list of operations, see package endpoint. It knows no aggregate type.
//
//	endpoint       operations as values, the calls that they serve, the table of problems
//	aggregateapi   what the routes of every aggregate type share
//	orderapi       the routes of orders
//	opsapi         the routes for operators
//	sessionapi     logins and logouts of browsers
//	streamapi      streams of events
//	keepapi        exports and backups
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
// Every operation names the scope that it needs, see package endpoint. With [Config].Authenticator
// the server asks clients for credentials, and lets them use the operations that their scopes
// allow. Without one, whoever reaches it may use all of it. What is open in any case is said by
// TestAccess_whatIsOpen.
//
// A page of another site can make a browser send requests, also to a service on the loopback
// interface. Such a request is refused with 403 unless it only reads. With the session of a browser
// it is also refused if the browser does not say that a page of the service has sent it. The name
// of such a page can also resolve to the loopback interface. So a request that names a host which
// is not one of the service is refused with 421. Clients that are not browsers are not affected.
//
// # Errors
//
// Package endpoint has the one table from errors to answers. What net/http refuses before there is
// a request (a malformed request line, headers above 256 KiB) is answered by it, in plain text.
//
// # Concurrency and shutdown
//
// A [Server] is safe for concurrent use. It starts no goroutine besides those of net/http, and one
// for each answer that goes on, which looks at the credentials of its client. Each request has a
// deadline, and its context ends when its client leaves. See [Server.Run] for how it
// stops.
package httpapi
