// Package watermark turns records that are done in any order into the position up to which all of
// them are done, for each stream of a feed.
package watermark

import (
	"context"
	"sync"
	"time"

	"orderflow/ports"
)

// Mark keeps the positions. Its memory is bounded by the number of deliveries from the first one
// that is not done on; see [Mark.Await]. It is safe for concurrent use.
type Mark struct {
	most int

	mu      sync.Mutex
	streams map[string]*inFlight
	moved   []*inFlight // those whose mark is news for Take
	// held is how many deliveries all streams hold. freed is closed when that goes down; it is nil
	// while nothing waits for that.
	held  int
	freed chan struct{}
}

// Reach is how far a stream is done: the position, and the newest heartbeat that was passed. The
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
	// mark is how far the stream is done. moved reports whether that is news for Take.
	mark  Reach
	moved bool
}

type entry struct {
	Reach
	done bool
}

// New returns a Mark that has seen nothing. It is to hold at most so many deliveries.
func New(most int) *Mark { return &Mark{most: most, streams: make(map[string]*inFlight)} }

// Await waits until there is room for another delivery. Its error is that of ctx.
func (w *Mark) Await(ctx context.Context) error {
	for {
		w.mu.Lock()
		if w.held < w.most {
			w.mu.Unlock()
			return nil
		}
		if w.freed == nil {
			w.freed = make(chan struct{})
		}
		freed := w.freed
		w.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Issue enters a delivery, in the order of delivery. The returned function marks it done. It must
// be called at most once.
func (w *Mark) Issue(r Reach) (done func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.streams[r.Position.Stream]
	if s == nil {
		s = &inFlight{}
		w.streams[r.Position.Stream] = s
	}
	number := s.first + uint64(len(s.entries))
	s.entries = append(s.entries, entry{Reach: r})
	w.held++

	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		s.entries[number-s.first].done = true
		w.advance(s)
	}
}

// advance moves the mark of a stream over the deliveries that are done.
func (w *Mark) advance(s *inFlight) {
	for len(s.entries) > 0 && s.entries[0].done {
		passed := s.entries[0].Reach
		if s.moved && passed.Beat.IsZero() {
			passed.Beat = s.mark.Beat
		}
		if !s.moved {
			w.moved = append(w.moved, s)
		}
		s.mark, s.moved = passed, true
		s.entries = s.entries[1:]
		s.first++
		w.held--
		if w.freed != nil {
			close(w.freed)
			w.freed = nil
		}
	}
}

// Take returns the marks that have moved since the last call, one of each stream, and what they
// have passed since then.
func (w *Mark) Take() (marks []Reach) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.moved {
		marks = append(marks, s.mark)
		s.moved = false
	}
	w.moved = w.moved[:0]
	return marks
}
