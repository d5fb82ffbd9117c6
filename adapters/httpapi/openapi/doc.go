// Package openapi describes the API as an OpenAPI 3.1 document, made from the operations that are
// served.
//
// Schemas come from the Go types that are really read and written: huma makes them from the names
// and tags of their fields. An array is never null, and a UUID in a request is never the nil UUID.
//
// huma describes the API, and does not handle requests. As a handler it would validate with status
// 422 and word errors in its own way, and neither can be changed for one API: huma.NewError is a
// variable of the package. It would also decode every body twice. So requests are read by packages
// endpoint and strictjson, and nothing is global.
package openapi
