// Package pulse sends heartbeats the way that events go, and tells from their arrival how far behind each consumer is and whether
// its reader is alive.
//
// # Why
//
// A consumer that waits for the next event cannot tell an idle feed from a dead one: both are silent. Counting events does not
// help, because who counts them asks the same reader. So a [Pacemaker] sends a heartbeat every interval through the store and the
// feed, see [ports.Pulse], and a [Monitor] is told where each one is:
//
//	Pacemaker ─▶ store ─▶ feed ─▶ Next ─▶ the consumer's loop ─▶ lanes ─▶ effects
//	                                │        │                              │
//	                             Waiting   Arrived, or Delivered          Passed
//
// # What a heartbeat proves
//
// One that has passed proves that everything acknowledged before it was sent has had its effect. So what a consumer has not
// handled is younger than the last heartbeat that passed, and [Monitor.Age] is that heartbeat's age, or 0 while the next one is
// not overdue. The figure is at most one interval above the truth and never below it.
//
//   - Idle: a heartbeat passes every interval, so the age is 0.
//   - Behind, for whatever reason: heartbeats pass late, each behind the events before it, or do not come, and the age is how far
//     behind the consumer is. That is a figure to watch, with a threshold of the operator's choice, and no alarm by itself:
//     catching up looks like this.
//   - Dead: the age grows without end. But that may also be an effect that hangs, or a long way to catch up, which are known
//     elsewhere, and it takes a threshold to tell.
//
// So the alarm is another question: [Monitor.Silent] is true when a consumer has been waiting in Next, with nothing else to do,
// for more than two intervals and an allowance, and got neither an event nor a heartbeat. In health that cannot be, however
// idle the system is; when the reader dies, it is so two heartbeats later. A consumer that is behind gets events all the time; one
// whose effects are slow does not wait in Next, because its lanes are full; one that is paused, or reads the event store, does not
// wait either. None of them is silent.
//
// When no heartbeat is sent, every consumer of the process falls silent. [Pacemaker.Last] tells that apart: it says when the
// store took the last one, and what is wrong since.
//
// # Clocks
//
// Heartbeats carry the time of the process that sent them, and ages are told by the clock of the one that reads. With several
// processes the clocks must agree within the allowance, or ages are off by the difference. Silence is measured by one clock.
//
// # Concurrency and failure
//
// All methods are safe for concurrent use, and those of the Monitor never wait for anything but its lock. A heartbeat that fails is
// counted, and logged when that changes; the next one comes on schedule. The package starts no goroutine.
package pulse
