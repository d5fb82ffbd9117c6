// Package ports holds what the application needs from the outside: small interfaces, the errors they share, and the contract
// of each in prose.
//
// Every interface here has a contract suite in [orderflow/ports/porttest]. An adapter is correct when it passes the suite; a
// suite is trusted because deliberately broken fakes fail it. A change of meaning starts in the suite.
//
// # Common to all ports
//
//   - Every method is safe for concurrent use unless its comment says otherwise.
//   - A cancelled context ends the call with an error that wraps the context's error, unchanged; nothing is half done.
//   - After Close, every method returns [ErrClosed] and has done nothing. Close twice is safe, and waits for what is under
//     way.
//   - Slices and maps that go in are not kept, and those that come out belong to the caller.
//   - An error is one of this package's values, wrapped with the operation; everything else is a bug of the adapter.
//
// # How the ports divide the work
//
// The write side is [EventStore]: load a history, append to it at an expected head. What was appended comes out of a
// [ChangeFeed], once or more, in order within each aggregate, to each consumer from that consumer's own offset. A consumer's
// effect goes to a [ViewStore], which keeps for each consumer and aggregate the last sequence number handled: that number,
// not the offset, is what makes effects happen once. [HeadScanner] is the way back: it lists what the event store holds, so
// that a consumer that has no offset, or one that is too old, can be brought up to date without the feed. [ViewReader] is
// the query side, and [ConsumerRegistry] remembers what must survive a restart about a consumer.
package ports
