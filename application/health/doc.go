// Package health keeps the health of one consumer: its state, what it is stuck on, its rebuild, and
// its counters.
//
// A [Health] owns nothing else. Whoever works as the consumer reports to it what happens. A status
// is read from memory, at any time, without waiting.
//
// A failure belongs to the attempts that meet it. When they end, because the event was handled,
// parked or given up, the failure is forgotten: the next attempt will show whether it is still
// there.
package health
