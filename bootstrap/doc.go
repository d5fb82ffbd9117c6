// Package bootstrap builds the service from its parts. It checks the configuration, opens the
// store, connects the ports to adapters, and runs the service until it is stopped. It has no
// business logic.
//
// [Open] does I/O and leaves nothing behind when it fails. [App.Run] blocks until its context ends
// or a part fails. [App.Close] closes what Open opened. A stop is orderly: requests in progress are
// answered, then the consumers finish the records that they are handling, then the store is closed.
// Records that they have not reached are delivered again after the next start.
package bootstrap
