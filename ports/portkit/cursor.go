package portkit

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"orderflow/ports"
)

// cursorSum is the length of the digest that binds a cursor to its listing.
const cursorSum = 8

var cursorEncoding = base64.RawURLEncoding.Strict()

// CursorAt returns the cursor for a place in a listing. The place must not be empty.
//
// A cursor is a digest of the listing and the place, followed by the place, in URL-safe base64. So
// a cursor of another listing, or an invented one, is refused. A cursor is no secret: anyone can
// decode the place.
func CursorAt[L, P ~string | ~[]byte](listing L, place P) ports.Cursor {
	return ports.Cursor(cursorEncoding.EncodeToString(append(sumCursor([]byte(listing), []byte(place)), place...)))
}

// PlaceOf returns the place of a cursor. For the empty cursor, which is the beginning, it returns
// "". It returns ports.ErrBadCursor for a cursor that was not issued for this listing.
func PlaceOf[L ~string | ~[]byte](listing L, cursor ports.Cursor) (place string, err error) {
	if cursor == "" {
		return "", nil
	}
	b, err := cursorEncoding.DecodeString(string(cursor))
	if err != nil || len(b) <= cursorSum || string(b[:cursorSum]) != string(sumCursor([]byte(listing), b[cursorSum:])) {
		return "", BadCursor(cursor)
	}
	return string(b[cursorSum:]), nil
}

// BadCursor returns the error for a cursor that was not issued for a listing.
func BadCursor(cursor ports.Cursor) error { return fmt.Errorf("%w: %q", ports.ErrBadCursor, cursor) }

func sumCursor(listing, place []byte) []byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(listing))))
	h.Write(listing)
	h.Write(place)
	return h.Sum(nil)[:cursorSum]
}

// CheckLimit refuses a limit with which a listing would make no progress.
func CheckLimit(limit int) error {
	if limit < 1 {
		return fmt.Errorf("limit %d is below 1", limit)
	}
	return nil
}
