package filling

import (
	"github.com/google/uuid"

	"orderflow/domain/projection"
	"orderflow/ports/portkit"
)

// stand is how far a view is with one aggregate, and what it goes on from.
type stand struct {
	sequence uint64
	// data is the state as it is stored.
	data []byte
	// kept is the state as the effect works with it. It may be nil.
	kept *projection.Kept
	// fresh says that the view never had anything of the aggregate.
	fresh bool
}

// size is about how many bytes of memory s takes in moving.
func (s stand) size() int {
	const overhead = 128 // the entry of the map, its key, and s
	size := overhead + len(s.data)
	if s.kept != nil {
		size += s.kept.Size()
	}
	return size
}

// moving holds the stands of the aggregates that were handled last, because the next event of an
// aggregate usually follows soon.
//
// What is in it is what the store has. Whoever works on an aggregate takes its stand out first, and
// puts the new one in after the store has it. So after an error, a panic, or any work that does not
// put something in, there is none, and the next event reads the store.
//
// It has two parts of the same size. An open state is used as it is, and takes some five times the
// memory of the stored form. To open a stored one takes a fraction of the time of a read. So the
// newest are held open, and some times as many as they are stored.
type moving struct {
	open, stored *portkit.Recent[uuid.UUID, stand]
}

// newMoving returns a moving of at most so many bytes. With 0 it holds nothing.
func newMoving(bytes int) *moving {
	return &moving{
		open:   portkit.NewRecent[uuid.UUID](bytes/2, stand.size),
		stored: portkit.NewRecent[uuid.UUID](bytes/2, stand.size),
	}
}

// take returns the stand of an aggregate, if it is there, and removes it.
func (m *moving) take(id uuid.UUID) (at stand, ok bool) {
	at, ok = m.stored.Take(id)
	if open, held := m.open.Take(id); held {
		return open, true
	}
	return at, ok
}

// put adds the stand of an aggregate. It was taken before, or was never put.
func (m *moving) put(id uuid.UUID, at stand) {
	if at.kept != nil {
		m.open.Put(id, at)
		at.kept = nil
	}
	m.stored.Put(id, at)
}
