// Package failure says what the failure of an effect means: who has to act, whether it is tried
// again, and after how long.
//
// # One event or everything
//
// A transient error is about a store or a target as a whole: every event meets it, and it passes.
// It is retried for ever, because to continue would lose something, and everything else would fail,
// too. Any other error is about one event. After a few attempts its aggregate is parked.
//
// An event that a newer program has written is neither. This program can never read it, and another
// one can at once.
package failure
