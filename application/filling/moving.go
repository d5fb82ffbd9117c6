package filling

import (
	"github.com/google/uuid"

	"orderflow/domain/projection"
	"orderflow/ports/portkit"
)

// stand is how far a view is with one aggregate, and what it goes on from.
type stand struct {
	sequence uint64
	// kept is the state as the effect works with it. When it is nil, data is the state.
	kept *projection.Kept
	data []byte
	// fresh says that the view never had anything of the aggregate.
	fresh bool
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
type moving = portkit.Recent[uuid.UUID, stand]

// newMoving returns a moving of at most so many bytes. With 0 it holds nothing.
func newMoving(bytes int) *moving { return portkit.NewRecent[uuid.UUID](bytes, stand.size) }
