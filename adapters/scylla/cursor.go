package scylla

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"orderflow/ports"
)

// cursorSum is the length of the part of a cursor that ties it to its listing.
const cursorSum = 8

// cursorAt returns the cursor of a listing that has come as far as place. A cursor is a digest of the name of the listing and of
// the place, followed by the place; so one that was issued for another listing, or made up, does not fit.
func cursorAt(listing string, place []byte) ports.Cursor {
	return ports.Cursor(base64.RawURLEncoding.EncodeToString(append(sumCursor(listing, place), place...)))
}

// placeOf returns the place that a cursor stands for; nil at the beginning.
func placeOf(listing string, cursor ports.Cursor) ([]byte, error) {
	if cursor == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(cursor))
	if err != nil || len(b) < cursorSum || string(b[:cursorSum]) != string(sumCursor(listing, b[cursorSum:])) {
		return nil, fmt.Errorf("%w: %q", ports.ErrBadCursor, cursor)
	}
	return b[cursorSum:], nil
}

func sumCursor(listing string, place []byte) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s", len(listing), listing)
	h.Write(place)
	return h.Sum(nil)[:cursorSum]
}

// eventPlace is the place of a listing of records.
type eventPlace struct {
	AggregateID uuid.UUID `json:"a"`
	Sequence    int64     `json:"s"`
	// Millis is the time of the event, where the listing is in the order of time.
	Millis int64 `json:"t,omitempty"`
}

func (p eventPlace) cursor(listing string) ports.Cursor {
	place, _ := json.Marshal(p) // an id and numbers always marshal
	return cursorAt(listing, place)
}

// eventPlaceOf returns the place behind which a listing goes on; false at the beginning.
func eventPlaceOf(listing string, cursor ports.Cursor) (p eventPlace, ok bool, err error) {
	place, err := placeOf(listing, cursor)
	if err != nil || place == nil {
		return p, false, err
	}
	if err := json.Unmarshal(place, &p); err != nil {
		return p, false, fmt.Errorf("%w: %w", ports.ErrBadCursor, err)
	}
	return p, true, nil
}
