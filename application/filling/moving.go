package filling

import (
	"sync"

	"github.com/google/uuid"

	"orderflow/domain/projection"
)

// stand is how far a view is with one aggregate, and what it goes on from.
type stand struct {
	sequence uint64
	// kept is the state as the effect works with it. When it is nil, data is the state.
	kept *projection.Kept
	data []byte
}

// size is about how many bytes of memory s takes in moving.
func (s stand) size() int {
	const overhead = 128 // the entry of the map, its key, and s
	if s.kept != nil {
		return overhead + s.kept.Size()
	}
	return overhead + len(s.data)
}

// moving holds the stands of the aggregates that were handled last, because the next event of an
// aggregate usually follows soon.
//
// What is in it is what the store has. Whoever works on an aggregate takes its stand out first, and
// puts the new one in after the store has it. So after an error, a panic, or any work that does not
// put something in, there is none, and the next event reads the store.
//
// Its memory is bounded: there are two parts, each of at most half of the bytes. When the newer one
// is full, the older one is dropped. A moving is safe for concurrent use.
type moving struct {
	half int

	mu           sync.Mutex
	newer, older map[uuid.UUID]stand
	size         int // of newer
}

// newMoving returns a moving of at most so many bytes. With 0 it holds nothing.
func newMoving(bytes int) *moving { return &moving{half: bytes / 2} }

// take returns the stand of an aggregate, and removes it.
func (m *moving) take(id uuid.UUID) (s stand, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok = m.newer[id]; ok {
		delete(m.newer, id)
		m.size -= s.size()
		return s, true
	}
	if s, ok = m.older[id]; ok {
		delete(m.older, id)
	}
	return s, ok
}

// put adds the stand of an aggregate that was taken. A stand that is too large is left out.
func (m *moving) put(id uuid.UUID, s stand) {
	size := s.size()
	if size > m.half/8 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.size+size > m.half {
		m.older, m.newer, m.size = m.newer, nil, 0
	}
	if m.newer == nil {
		m.newer = make(map[uuid.UUID]stand)
	}
	m.newer[id] = s
	m.size += size
}
