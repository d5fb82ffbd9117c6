// Package health keeps how one consumer is: its state, what it is stuck on, its rebuild, and its
// counters.
//
// A [Health] owns nothing but that. Whoever works as the consumer tells it what happens; a status
// is read from memory, at any time, without waiting for anything.
//
// A failure belongs to the attempts that meet it. When they end, because the event was handled, set
// aside or given up, the failure is forgotten: the next attempt will tell whether it is still
// there.
package health
