package command

import "sync/atomic"

// foldBounds are the upper bounds of the buckets of [FoldStats].
var foldBounds = [...]int{0, 1, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000}

// FoldStats is a histogram of the events that commands had to fold.
type FoldStats struct {
	// Commands and Events are the numbers of all commands and of the events that they folded.
	Commands, Events uint64
	// AtMost has the number of commands that folded at most so many events, for each bound.
	AtMost map[float64]uint64
}

// folds counts.
type folds struct {
	buckets [len(foldBounds) + 1]atomic.Uint64
	events  atomic.Uint64
}

func (f *folds) observe(events int) {
	bucket := 0
	for bucket < len(foldBounds) && events > foldBounds[bucket] {
		bucket++
	}
	f.buckets[bucket].Add(1)
	f.events.Add(uint64(events))
}

func (f *folds) stats() FoldStats {
	s := FoldStats{Events: f.events.Load(), AtMost: make(map[float64]uint64, len(foldBounds))}
	for i := range f.buckets {
		s.Commands += f.buckets[i].Load()
		if i < len(foldBounds) {
			s.AtMost[float64(foldBounds[i])] = s.Commands
		}
	}
	return s
}
