package consumer

import (
	"sync"

	"orderflow/ports"
)

// watermark turns records that are done in any order into the position up to which all of them are done, for each stream of
// a feed. Its memory is bounded by what is in flight.
type watermark struct {
	mu      sync.Mutex
	streams map[string]*inFlight
}

// inFlight is a queue of the deliveries of one stream that are not yet behind the mark, in the order of delivery.
type inFlight struct {
	first   uint64 // number of the delivery at the head of the queue
	entries []entry
}

type entry struct {
	position ports.Position
	done     bool
}

func newWatermark() *watermark { return &watermark{streams: make(map[string]*inFlight)} }

// issue enters a delivery, in the order of delivery. The returned function marks it done and reports the new mark of the
// stream; moved is false while an earlier delivery is still in flight. It must be called at most once.
func (w *watermark) issue(p ports.Position) (done func() (mark ports.Position, moved bool)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.streams[p.Stream]
	if s == nil {
		s = &inFlight{}
		w.streams[p.Stream] = s
	}
	number := s.first + uint64(len(s.entries))
	s.entries = append(s.entries, entry{position: p})

	return func() (mark ports.Position, moved bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		s.entries[number-s.first].done = true
		for len(s.entries) > 0 && s.entries[0].done {
			mark, moved = s.entries[0].position, true
			s.entries = s.entries[1:]
			s.first++
		}
		return mark, moved
	}
}
