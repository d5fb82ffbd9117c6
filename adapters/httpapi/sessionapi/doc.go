// Package sessionapi has the routes with which people log in with a browser, and out.
//
//	GET    /v1/session             who the client is, and what it may do
//	POST   /v1/session             log in with a token, once
//	DELETE /v1/session             log out
//	GET    /v1/session/login       go to the identity provider
//	GET    /v1/session/callback    come back from it
//
// All of them are open, because whoever logs in has no rights yet.
//
// # Cookies
//
// A login sets the cookie orderflow-session, and over TLS __Host-orderflow-session. Scripts cannot
// read it, pages of other sites cannot make the browser send it, and it ends with the session. It
// counts only for requests that read, and for those that a browser says come from a page of this
// service. The cookie orderflow-login binds a login at the provider to the browser that has begun
// it. It is taken away when the browser comes back.
//
// # What goes wrong
//
// The last two routes are for browsers that follow links, so they never answer with a problem of
// the login. They send the browser to the console with a code: /ui/?login=unavailable. The code is
// one of a fixed number, and no text of others is sent on.
package sessionapi
