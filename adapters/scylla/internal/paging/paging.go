// Package paging implements how listings of records continue from page to page.
package paging

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"orderflow/ports"
	"orderflow/ports/portkit"
)

// maxPage bounds every page, whatever the caller's limit.
const maxPage = 100_000

// Limit returns how many entries a page may have, or an error for a limit with which a listing
// would make no progress.
func Limit(limit int) (int, error) { return min(limit, maxPage), portkit.CheckLimit(limit) }

// Place is the place of a listing of records.
type Place struct {
	AggregateID uuid.UUID `json:"a"`
	Sequence    int64     `json:"s"`
	// Millis is the time of the event, where the listing is in the order of time.
	Millis int64 `json:"t,omitempty"`
}

// Cursor returns the cursor of a listing that has come as far as p.
func (p Place) Cursor(listing string) ports.Cursor {
	place, _ := json.Marshal(p) // an id and numbers always marshal
	return portkit.CursorAt(listing, place)
}

// PlaceOf returns the place after which a listing continues. ok is false at the beginning.
func PlaceOf(listing string, cursor ports.Cursor) (p Place, ok bool, err error) {
	place, err := portkit.PlaceOf(listing, cursor)
	if err != nil || place == "" {
		return p, false, err
	}
	if err := json.Unmarshal([]byte(place), &p); err != nil {
		return p, false, fmt.Errorf("%w: %w", ports.ErrBadCursor, err)
	}
	return p, true, nil
}
