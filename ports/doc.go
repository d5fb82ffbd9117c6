// Package ports declares what the application needs from the outside: small interfaces, the errors
// that they share, and the contract of each interface in prose.
//
// Every interface here has a contract suite in [orderflow/ports/porttest]. An adapter is correct
// when it passes the suite. The suites themselves are tested with deliberately broken fakes, which
// must fail them. A change of a contract starts in its suite.
//
// The ports know aggregates and aggregate types. They know no orders.
//
// # Common to all ports
//
//   - Every method is safe for concurrent use unless its comment says otherwise.
//   - When the context is cancelled, the call ends. It returns an error that wraps the context's
//     error unchanged, and it leaves nothing half done.
//   - After Close, every method returns [ErrClosed] and does nothing. Close may be called twice. It
//     waits for calls that are in progress.
//   - A method does not keep slices and maps that it is given. Slices and maps that it returns
//     belong to the caller.
//   - An error is one of this package's values, wrapped with the name of the operation. Any other
//     error is a bug of the adapter.
//   - Listings return one page at a time. A [Cursor] names the place to continue from. Each listing
//     has an order that the store chooses and keeps.
//
// # How the ports work together
//
// The write side is [EventStore]. A command handler loads a history and appends to it at an
// expected head.
//
// A [ChangeFeed] delivers what was appended. It delivers each record at least once to each
// consumer, in order within each aggregate. Each consumer has its own offset.
//
// A [ViewStore] keeps the effects of consumers. For each consumer and aggregate it keeps the last
// sequence number that was handled. This number makes effects happen exactly once; the offset does
// not.
//
// A [HeadScanner] lists what the event store holds. With it a consumer can be brought up to date
// without the feed, when it has no offset or an expired one.
//
// A [ViewReader] is the query side. A [ConsumerRegistry] keeps what must survive a restart about
// each consumer.
//
// # Size
//
// The package has about 2,500 lines. Nearly all are interfaces, values and their contracts in
// prose. Each file is one subject and can be read alone. They stay together, because a contract
// names the errors and values of the others.
package ports
