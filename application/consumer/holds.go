package consumer

import (
	"slices"
	"sync"

	"github.com/google/uuid"
)

// holds keep two pieces of work from one aggregate. One piece of work may hold several aggregates; it
// gets all of them at once or none, so no two can wait for each other. The zero value is ready.
type holds struct {
	mu   sync.Mutex
	held map[uuid.UUID]*hold
}

// hold is one piece of work.
type hold struct {
	// over is closed when the work is over; nil while nobody waits for that.
	over chan struct{}
}

// acquire waits until nobody holds any of ids, and holds them. ids has no repetitions.
func (h *holds) acquire(ids ...uuid.UUID) *hold {
	for {
		own, wait := h.try(ids)
		if own != nil {
			return own
		}
		<-wait
	}
}

func (h *holds) try(ids []uuid.UUID) (own *hold, wait <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		if other := h.held[id]; other != nil {
			if other.over == nil {
				other.over = make(chan struct{})
			}
			return nil, other.over
		}
	}
	if h.held == nil {
		h.held = make(map[uuid.UUID]*hold)
	}
	own = &hold{}
	for _, id := range ids {
		h.held[id] = own
	}
	return own, nil
}

// release lets go of what acquire has returned.
func (h *holds) release(own *hold, ids ...uuid.UUID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		delete(h.held, id)
	}
	if own.over != nil {
		close(own.over)
	}
}

// distinct returns each of the ids that get finds in values, once.
func distinct[T any](values []T, get func(*T) uuid.UUID) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(values))
	for i := range values {
		if id := get(&values[i]); !slices.Contains(ids, id) { // there are few, and neighbours are often the same
			ids = append(ids, id)
		}
	}
	return ids
}
