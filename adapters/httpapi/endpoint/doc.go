// Package endpoint is what the routes of the API are made of: operations as values, the calls that
// they serve, and the one table from errors to problem documents.
//
// # Operations
//
// A part of the API is a [Resource]: a list of operations. An [Operation] says what the description
// of the API tells about a route, and has the function that serves it, side by side. The server
// makes router, description and index from the same list. A package of routes imports this package
// and not the server, so that the routes of another aggregate are another package beside the ones
// that are there.
//
// # Requests
//
// A request is refused before its operation sees it when it names a parameter that the operation
// does not have, gives one twice, breaks one of the operation's [Rule]s, or comes from a page of
// another site. A body is read by package strictjson. What values may be is the domain's to say.
//
// # Errors
//
// problemOf, in table.go, is the one table from errors to answers. Only errors of the server are
// logged, here and nowhere else; their text stays in the log. A client that leaves is counted as
// status 499 and not logged.
package endpoint
