package embedded

import (
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// cursorAt returns the cursor of a listing of the keys that start with prefix, which has come as far as key.
func cursorAt(prefix, key []byte) ports.Cursor { return portkit.CursorAt(prefix, key[len(prefix):]) }

// keyBehind returns the first key that a listing of the keys that start with prefix has to look at.
func keyBehind(cursor ports.Cursor, prefix []byte) ([]byte, error) {
	place, err := portkit.PlaceOf(prefix, cursor)
	if err != nil || place == "" {
		return prefix, err
	}
	return after(append(append([]byte(nil), prefix...), place...)), nil
}
