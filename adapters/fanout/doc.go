// Package fanout carries the change feed to its consumers: one Watermill router, one handler a consumer, fed in lanes.
//
// # Lanes
//
// A lane is a queue with at most one message in flight. A record goes to the lane that its aggregate id hashes to, so the
// records of one order are handled one after the other, in the order in which they were emitted, while different orders run
// side by side. Every consumer has lanes of its own; consumers share nothing but the router.
//
// Everything is bounded. A consumer holds at most Lanes × (LaneBuffer + 1) records; when the lane that the next record belongs
// to is full, emit blocks, and with it that consumer's Pull, and nothing else. A lane that is stuck therefore holds up its own
// orders at once, the rest of its consumer when its buffer is full, and other consumers never.
//
// # Delivery
//
// A record is done when Handle returned nil: Watermill acknowledges the message, and the lane calls done and takes the next
// record. When Handle returns an error or panics, the message is not acknowledged; the lane waits for Config.RetryPause and
// delivers the same record again, before any later one of that lane, until the router stops. A Pull that ends while the
// router runs is a bug of the consumer: it is reported and, after the same pause, started again. Neither ends another
// consumer, and neither ends Run.
//
// # Shutdown
//
// When the context of Run ends, Pulls end, no lane takes another record, and what is with a handler may finish until
// Config.DrainTimeout; then its context ends, too. Records that waited in lanes are let go. Nothing is lost by that: done was
// not called for them, so the consumer's offset is still behind them and the feed delivers them again. Run returns when no
// goroutine of a consumer is left, so what the consumers use can be closed after it. It follows that a Handle or Pull that
// ignores its context keeps Run from returning.
//
// # What to know about Watermill
//
// Of github.com/ThreeDotsLabs/watermill v1.5.3, message/router.go and message/decorator.go:
//
//   - The router starts a goroutine a message and never limits them. Order and bounds are the subscriber's business: it must
//     not send the next message before the last one is acknowledged. Lanes do just that, so there are at most Lanes of them.
//   - The end of the context does not end the router, only Close does, or the end of all handlers; and the end of all handlers
//     is logged as an error unless the context has ended. Close waits at most its timeout and then abandons what still runs,
//     and while it waits it holds a lock that the next message needs, so a message that comes then is not waited for. Hence
//     Run first drains the lanes, then ends the router's context, then closes the message channels, and only then calls
//     Close, which finds nothing left to wait for. Close on a router that never ran takes the whole timeout; here it is never
//     called on one.
//   - The router puts a decorator with a goroutine and an unbuffered channel between subscriber and handler, and it sends
//     without looking at a context. It gets stuck when a handler stops reading, which happens only after the subscriber's
//     channel was closed; so the channel is closed only when every message was answered.
//   - The handler's panic is recovered and the message nacked, but runtime.Goexit is not, which would leave a lane waiting for
//     ever. The handler function here covers both.
//   - The router closes the subscriber that it was given, and may do so more than once. Closing one does nothing here: Run owns
//     the lanes.
//   - Two log lines a message at trace level are built before anybody asks whether they are wanted. The logger here asks first,
//     and shows Watermill's information lines at debug level.
//
// # Why the record travels in the message's context
//
// A Watermill message is made for a broker: bytes and string metadata. Between two goroutines of one process, encoding a
// record to them and parsing it back for each consumer costs about five times as much as making the message without it (see
// BenchmarkMessage), and about as much as all the rest of its way; sharing the record costs nothing, since nobody modifies one after
// it was emitted. So the message carries the record under a private key of its context, and beside it, for middleware, logs
// and traces, the payload (not copied) and the metadata that a broker message would have.
//
// # What it costs
//
// About 3 µs and 23 allocations a record and consumer on two cores, so some 300,000 records a second over all consumers. Lanes
// without Watermill take 0.25 µs: the rest is the message with its metadata, three more channels, a goroutine a message, and
// four values that the router adds to each context. An effect that writes to a store costs more than that, and for the price
// there is one place, and one known way, to put middleware around every consumer.
package fanout
