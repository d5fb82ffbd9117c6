package memory

import (
	"encoding/base64"
	"fmt"
	"strings"

	"orderflow/ports"
)

// cursorAt returns a cursor that stands at place in a listing.
func cursorAt(listing, place string) ports.Cursor {
	return ports.Cursor(cursorEncoding.EncodeToString([]byte(listing)) + "." + cursorEncoding.EncodeToString([]byte(place)))
}

// placeOf is the inverse of cursorAt; "" for the empty cursor.
func placeOf(listing string, cursor ports.Cursor) (string, error) {
	if cursor == "" {
		return "", nil
	}
	of, at, _ := strings.Cut(string(cursor), ".")
	if of != cursorEncoding.EncodeToString([]byte(listing)) {
		return "", badCursor(cursor)
	}
	place, err := cursorEncoding.DecodeString(at)
	if err != nil || len(place) == 0 {
		return "", badCursor(cursor)
	}
	return string(place), nil
}

func badCursor(cursor ports.Cursor) error { return fmt.Errorf("%w: %q", ports.ErrBadCursor, cursor) }

// checkLimit reports a limit that would never get anywhere.
func checkLimit(limit int) error {
	if limit < 1 {
		return fmt.Errorf("limit %d is below 1", limit)
	}
	return nil
}

var cursorEncoding = base64.RawURLEncoding.Strict()
