// Package bootstrap puts the parts together: it checks the configuration, opens the store, wires ports to adapters, and runs
// the service until it is told to stop. It holds no logic of its own.
//
// [Open] touches the world and leaves nothing behind when it fails; [App.Run] blocks until its context ends or a part fails;
// [App.Close] closes what Open opened. A stop is orderly: requests under way are answered, then the consumers finish what
// they have in hand, then the store is closed. What they had not got to is delivered again at the next start.
package bootstrap
