// Package watermark turns records that are done in any order into the position up to which all of
// them are done, for each stream of a feed.
package watermark

import (
	"sync"
	"time"

	"orderflow/ports"
)

// Mark keeps the positions. Its memory is bounded by the number of deliveries in flight. It is safe
// for concurrent use.
type Mark struct {
	mu      sync.Mutex
	streams map[string]*inFlight
}

// Reach is how far a stream is done: the position, and the newest heartbeat up to there. The
// heartbeat is zero if there was none.
type Reach struct {
	Position ports.Position
	Beat     time.Time
}

// inFlight is a queue of the deliveries of one stream that the mark has not passed, in the order of
// delivery.
type inFlight struct {
	first   uint64 // number of the delivery at the head of the queue
	entries []entry
}

type entry struct {
	Reach
	done bool
}

// New returns a Mark that has seen nothing.
func New() *Mark { return &Mark{streams: make(map[string]*inFlight)} }

// Issue enters a delivery, in the order of delivery. The returned function marks it done and
// reports the new mark of the stream; moved is false while an earlier delivery is still in flight.
// It must be called at most once.
func (w *Mark) Issue(r Reach) (done func() (mark Reach, moved bool)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.streams[r.Position.Stream]
	if s == nil {
		s = &inFlight{}
		w.streams[r.Position.Stream] = s
	}
	number := s.first + uint64(len(s.entries))
	s.entries = append(s.entries, entry{Reach: r})

	return func() (mark Reach, moved bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		s.entries[number-s.first].done = true
		for len(s.entries) > 0 && s.entries[0].done {
			passed := s.entries[0].Reach
			if passed.Beat.IsZero() {
				passed.Beat = mark.Beat
			}
			mark, moved = passed, true
			s.entries = s.entries[1:]
			s.first++
		}
		return mark, moved
	}
}
