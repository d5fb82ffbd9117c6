package embedded

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"orderflow/ports"
)

// cursorSum is the length of the part of a cursor that ties it to its listing.
const cursorSum = 8

var cursorEncoding = base64.RawURLEncoding.Strict()

// cursorAt returns the cursor of a listing of the keys that start with prefix, which has come as far as key. A cursor is a
// digest of the prefix and of the rest of the key, followed by that rest; so one that was issued for another listing, or
// made up, does not fit.
func cursorAt(prefix, key []byte) ports.Cursor {
	rest := key[len(prefix):]
	return ports.Cursor(cursorEncoding.EncodeToString(append(sumCursor(prefix, rest), rest...)))
}

// keyBehind returns the first key that a listing of the keys that start with prefix has to look at.
func keyBehind(cursor ports.Cursor, prefix []byte) ([]byte, error) {
	if cursor == "" {
		return prefix, nil
	}
	b, err := cursorEncoding.DecodeString(string(cursor))
	if err != nil || len(b) < cursorSum || string(b[:cursorSum]) != string(sumCursor(prefix, b[cursorSum:])) {
		return nil, fmt.Errorf("%w: %q", ports.ErrBadCursor, cursor)
	}
	return after(append(append([]byte(nil), prefix...), b[cursorSum:]...)), nil
}

func sumCursor(prefix, rest []byte) []byte {
	h := sha256.New()
	h.Write([]byte{byte(len(prefix) >> 24), byte(len(prefix) >> 16), byte(len(prefix) >> 8), byte(len(prefix))})
	h.Write(prefix)
	h.Write(rest)
	return h.Sum(nil)[:cursorSum]
}

// checkLimit reports a limit that would never get anywhere.
func checkLimit(limit int) error {
	if limit < 1 {
		return fmt.Errorf("limit %d is below 1", limit)
	}
	return nil
}
