package portkit

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"orderflow/ports"
)

// cursorSum is the length of the part of a cursor that ties it to its listing.
const cursorSum = 8

var cursorEncoding = base64.RawURLEncoding.Strict()

// CursorAt returns the cursor of a listing that has come as far as place, which must not be empty.
//
// A cursor is a digest of the listing and the place, followed by the place, in the alphabet of URLs. So a cursor of
// another listing, or one that somebody made up, does not fit. It is no secret: it shows the place to whoever decodes it.
func CursorAt[L, P ~string | ~[]byte](listing L, place P) ports.Cursor {
	return ports.Cursor(cursorEncoding.EncodeToString(append(sumCursor([]byte(listing), []byte(place)), place...)))
}

// PlaceOf returns the place that a cursor of a listing stands for; "" for the empty cursor, which is the beginning. It
// returns ports.ErrBadCursor for a cursor that was not issued for this listing.
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

// BadCursor is the error for a cursor that was not issued for a listing.
func BadCursor(cursor ports.Cursor) error { return fmt.Errorf("%w: %q", ports.ErrBadCursor, cursor) }

func sumCursor(listing, place []byte) []byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(listing))))
	h.Write(listing)
	h.Write(place)
	return h.Sum(nil)[:cursorSum]
}

// CheckLimit refuses a limit of a listing that would never get anywhere.
func CheckLimit(limit int) error {
	if limit < 1 {
		return fmt.Errorf("limit %d is below 1", limit)
	}
	return nil
}
