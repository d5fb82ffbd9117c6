// Package holds keeps two pieces of work from using the same aggregate at the same time.
package holds

import (
	"slices"
	"sync"

	"github.com/google/uuid"
)

// Holds is the set of aggregates that work is being done on. One piece of work may hold several
// aggregates. It gets all of them at once or none, so that two pieces of work cannot wait for each
// other. The zero value is ready.
type Holds struct {
	mu   sync.Mutex
	held map[uuid.UUID]*Hold
}

// Hold is one piece of work.
type Hold struct {
	// over is closed when the work is over. It is nil while nothing waits for that.
	over chan struct{}
}

// Acquire waits until none of ids is held, and holds them. ids has no repetitions.
func (h *Holds) Acquire(ids ...uuid.UUID) *Hold {
	for {
		own, wait := h.try(ids)
		if own != nil {
			return own
		}
		<-wait
	}
}

func (h *Holds) try(ids []uuid.UUID) (own *Hold, wait <-chan struct{}) {
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
		h.held = make(map[uuid.UUID]*Hold)
	}
	own = &Hold{}
	for _, id := range ids {
		h.held[id] = own
	}
	return own, nil
}

// Held returns those of ids that are held now. It does not wait.
func (h *Holds) Held(ids ...uuid.UUID) (held []uuid.UUID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.held) == 0 {
		return nil
	}
	for _, id := range ids {
		if h.held[id] != nil {
			held = append(held, id)
		}
	}
	return held
}

// Release releases what Acquire returned.
func (h *Holds) Release(own *Hold, ids ...uuid.UUID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		delete(h.held, id)
	}
	if own.over != nil {
		close(own.over)
	}
}

// Distinct returns each of the ids that get finds in values, once.
func Distinct[T any](values []T, get func(*T) uuid.UUID) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(values))
	for i := range values {
		// there are few ids, and neighbours are often the same
		if id := get(&values[i]); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
