// Package endpoint has the parts that the routes of the API are made of: operations as values, the
// calls that they serve, and the one table from errors to problem documents.
//
// # Operations
//
// A part of the API is a [Resource]: a list of operations. An [Operation] has both what the
// description of the API says about a route, and the function that serves it. The server makes
// router, description and index from the same list. A package of routes imports this package and
// not the server. So the routes of another aggregate are another package beside the existing ones.
//
// # Requests
//
// A request is refused before it reaches its operation when it names a parameter that the operation
// does not have, gives one twice, breaks one of the operation's [Rule]s, or comes from a page of
// another site. A body is read by package strictjson. The domain decides which values are allowed.
//
// # Access
//
// Every operation names the scope that its clients need, and one that names none cannot be served.
// Who a client is comes from a [ports.Authenticator]. A refusal is a 401 that says why, or a 403
// that names the scope. Credentials at a wrong place (a token in the URL, two Authorization
// headers) are a 400. The context of the request then knows the principal.
//
// # Errors
//
// problemOf, in table.go, is the one table from errors to answers. Only errors of the server are
// logged, here and nowhere else; their text stays in the log. A client that leaves is counted as
// status 499 and not logged.
//
// # Size
//
// The package has about 2,300 lines. They are what every request passes through, in this order:
// access, limits, parameters, body, answer, problem. The steps are methods of [Service] and [Call],
// whose fields would be exported if they were divided.
package endpoint
