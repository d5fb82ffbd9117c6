// Package login logs in to the service at a real identity provider: the server of
// github.com/zitadel/oidc, with the store of its example. It is a module of its own, so that the
// provider stays out of Orderflow's go.mod.
//
// The service is the whole one, started by its command line. The browser is an HTTP client with a
// jar of cookies, which follows redirections and fills in the provider's form.
package login
