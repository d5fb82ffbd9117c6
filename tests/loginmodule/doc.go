// Package loginmodule runs the tests of the module [orderflow/tests/login] as a part of
// go test ./..., which does not look into other modules.
//
// With nothing cached, it compiles the service a second time, with what the provider needs. That
// takes longer than any other test of the service, so it has a package of its own.
package loginmodule
