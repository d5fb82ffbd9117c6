// Package fanout carries the change feed to its consumers: one Watermill router with one handler
// for each consumer, fed in lanes.
//
// # Lanes
//
// A lane is a queue with at most one message in flight. A message carries one record, or several
// that waited in its lane, up to Config.Batch. The aggregate id of a record is hashed to a lane. So
// the records of one aggregate are handled one after the other, in the order in which they were
// emitted, and different aggregates are handled concurrently. Every consumer has its own lanes.
// Consumers share nothing but the router.
//
// Everything is bounded. A consumer holds at most Lanes × (LaneBuffer + Batch) records. When the
// lane of the next record is full, emit blocks, and with it the Pull of that consumer, and nothing
// else. So a lane that is stuck delays its own aggregates at once, and the rest of its consumer
// when its buffer is full. It never delays other consumers.
//
// # Delivery
//
// A record is done when Handle has returned nil: Watermill acknowledges the message, and the lane
// calls done for each of its records and takes the next ones. When Handle returns an error or
// panics, the message is not acknowledged. The lane waits for Config.RetryPause and delivers the
// same records again, before any later one of that lane, until the router stops. A Pull that ends
// while the router runs is a bug of the consumer. It is reported, and started again after the same
// pause. Neither of the two ends another consumer or Run.
//
// # Shutdown
//
// When the context of Run ends, the Pulls end and no lane takes another record. Records that a
// handler already has may finish until Config.DrainTimeout; then the handler's context ends too.
// Records that wait in lanes are dropped. Nothing is lost: done was not called for them, so the
// consumer's offset is still before them, and the feed delivers them again. Run returns when no
// goroutine of a consumer is left. So everything that the consumers use can be closed after it. A
// Handle or a Pull that ignores its context therefore keeps Run from returning.
//
// # Facts about Watermill
//
// From github.com/ThreeDotsLabs/watermill v1.5.3, message/router.go and message/decorator.go:
//
//   - The router starts a goroutine for each message and does not limit them. Order and bounds are
//     the responsibility of the subscriber: it must not send the next message before the last one
//     is acknowledged. Lanes do that, so there are at most Lanes goroutines. Each begins with a
//     small stack, so Handle does not run on it (see worker).
//   - The end of the context does not end the router. Only Close does, or the end of all handlers.
//     The end of all handlers is logged as an error unless the context has ended. Close waits at
//     most its timeout and then abandons what still runs. While it waits it holds a lock that the
//     next message needs, so it does not wait for a message that arrives then. Therefore Run first
//     drains the lanes, then ends the router's context, then closes the message channels, and calls
//     Close last, when nothing is left to wait for. Close on a router that never ran takes the
//     whole timeout; this package never does that.
//   - The router puts a decorator with a goroutine and an unbuffered channel between subscriber and
//     handler. The decorator sends without looking at a context. It gets stuck when a handler stops
//     reading, which happens only after the subscriber's channel was closed. Therefore the channel
//     is closed only when every message has been answered.
//   - The router recovers a panic of the handler and nacks the message. It does not recover
//     runtime.Goexit, which would let a lane wait for ever. The worker of a lane covers both.
//   - The router closes the subscriber that it was given, perhaps more than once. Here the
//     subscriber's Close does nothing, because Run owns the lanes.
//   - The router builds two log lines for each message at trace level before it knows whether they
//     are wanted. The logger of this package asks first. It logs Watermill's information lines at
//     debug level.
//
// # Why the records travel in the message's context
//
// A Watermill message is made for a broker: it has bytes and string metadata. Inside one process,
// encoding a record into them and decoding it for each consumer costs about ten times as much as
// making the message without them (see BenchmarkMessage). Sharing the records costs nothing,
// because nobody modifies a record after it was emitted. So the message carries them under a
// private key of its context. It also has the payload of the first record (not copied), and the
// name of its consumer as metadata.
//
// # Cost
//
// A message costs about 3 µs and 20 allocations on two cores: three more channels, a goroutine, and
// four values that the router adds to the context. Records that come together share that. So a
// consumer whose lanes are never empty pays 2 allocations for each record, and one that gets single
// records pays for a message each time. Lanes without Watermill take 0.3 µs. An effect that writes
// to a store costs more than that. In return there is one well-known place for middleware around
// every consumer. With a view on the embedded store, an event costs twice as much processor time
// alone in its message as in a full one, because it also has its own write (BenchmarkFollow in
// tests/bench).
//
// How many lanes are best depends on what an effect waits for. With thirty-two lanes on two cores a
// lane rarely has a second record, and each record pays for its own message and its own write. With
// two lanes, the whole service takes a fifth less processor time for each event. An effect that
// waits for a network needs many lanes, because only one batch of a lane is on its way.
package fanout
