package consumer

import (
	"sync"
	"time"

	"orderflow/ports"
)

// watermark turns records that are done in any order into the position up to which all of them are done, for each stream of
// a feed. Its memory is bounded by what is in flight.
type watermark struct {
	mu      sync.Mutex
	streams map[string]*inFlight
}

// reach is how far a stream is done: the position, and the newest heartbeat on the way there, zero for none.
type reach struct {
	position ports.Position
	beat     time.Time
}

// inFlight is a queue of the deliveries of one stream that are not yet behind the mark, in the order of delivery.
type inFlight struct {
	first   uint64 // number of the delivery at the head of the queue
	entries []entry
}

type entry struct {
	reach
	done bool
}

func newWatermark() *watermark { return &watermark{streams: make(map[string]*inFlight)} }

// issue enters a delivery, in the order of delivery. The returned function marks it done and reports the new mark of the
// stream; moved is false while an earlier delivery is still in flight. It must be called at most once.
func (w *watermark) issue(r reach) (done func() (mark reach, moved bool)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.streams[r.position.Stream]
	if s == nil {
		s = &inFlight{}
		w.streams[r.position.Stream] = s
	}
	number := s.first + uint64(len(s.entries))
	s.entries = append(s.entries, entry{reach: r})

	return func() (mark reach, moved bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		s.entries[number-s.first].done = true
		for len(s.entries) > 0 && s.entries[0].done {
			passed := s.entries[0].reach
			if passed.beat.IsZero() {
				passed.beat = mark.beat
			}
			mark, moved = passed, true
			s.entries = s.entries[1:]
			s.first++
		}
		return mark, moved
	}
}
