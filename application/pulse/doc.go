// Package pulse sends heartbeats on the path of the events. From their arrival it tells how far
// behind each consumer is, and whether the consumer's reader is alive.
//
// # Why
//
// A consumer that waits for the next event cannot distinguish an idle feed from a dead one: both
// are silent. Counting events does not help, because the count comes from the same reader. So a
// [Pacemaker] sends a heartbeat through the store and the feed every interval (see [ports.Pulse]),
// and a [Monitor] is told where each heartbeat is:
//
//	Pacemaker ─▶ store ─▶ feed ─▶ Next ─▶ the consumer's loop ─▶ lanes ─▶ effects
//	                                │        │                              │
//	                             Waiting   Arrived, or Delivered          Passed
//
// # What a heartbeat proves
//
// When a heartbeat has passed, every event that was acknowledged before it was sent has had its
// effect. So an event that a consumer has not handled is younger than the last heartbeat that
// passed. [Monitor.Age] is the age of that heartbeat, or 0 while the next one is not overdue. It is
// never below the true age, and at most one interval above it.
//
//   - Idle: a heartbeat passes every interval, so the age is 0.
//   - Behind: heartbeats pass late, each after the events before it, or they do not arrive. The age
//     says how far behind the consumer is. It is a figure to watch, with a threshold that the
//     operator chooses. It is no alert by itself, because a consumer that catches up looks like
//     this.
//   - Dead: the age grows without end. An effect that hangs and a long catch-up look the same.
//     Other figures show those, and only a threshold tells them apart.
//
// So the alert uses another question: [Monitor.Silent] is true when a consumer has waited in Next
// for more than two intervals and an allowance, with nothing else to do, and has got neither an
// event nor a heartbeat. This never happens in a healthy system, even an idle one. When the reader
// dies, it happens two heartbeats later. Other consumers are not silent: one that is behind gets
// events all the time; one with slow effects does not wait in Next, because its lanes are full; one
// that is paused or reads the event store does not wait either.
//
// When no heartbeat is sent, every consumer of the process becomes silent. [Pacemaker.Last] detects
// that case: it returns when the store accepted the last heartbeat, and what has failed since.
//
// # Clocks
//
// Heartbeats carry the time of the process that sent them. Ages are measured by the clock of the
// process that reads them. With several processes the clocks must agree within the allowance;
// otherwise the ages are wrong by the difference. Silence is measured by one clock.
//
// # Concurrency and failure
//
// All methods are safe for concurrent use. Those of the Monitor wait for nothing but its lock. A
// heartbeat that fails is counted. It is logged when the kind of the failure changes. The next one
// is sent on schedule. The package starts no goroutine.
package pulse
