// Package failure classifies the failures of an effect: who has to act, whether the effect is tried
// again, and after how long.
//
// # One event or everything
//
// A transient error is about a store or a target as a whole: every event meets it, and it passes.
// It is retried for ever. To continue would lose something, and everything else would fail, too.
// Any other error is about one event. After a few attempts the aggregate of that event is parked.
//
// An event that a newer program has written is neither. This program can never read it, and a newer
// one can at once.
package failure
