package stream

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"github.com/google/uuid"

	"orderflow/ports"
)

// ids makes the ids of events in streams of all aggregates. An id is base64url of
//
//	format 1 | 8 bytes of the store's id | place
//
// The last bytes of a store's id are random, whatever its version is.
type ids struct{ store uuid.UUID }

const formatID = 1

func (i ids) prefix() []byte { return append([]byte{formatID}, i.store[8:]...) }

func (i ids) id(place ports.Place) string {
	return base64.RawURLEncoding.EncodeToString(append(i.prefix(), place...))
}

// place returns the place of an id, which may come from anywhere.
func (i ids) place(id string) (ports.Place, error) {
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ports.ErrBadCursor, err)
	}
	place, ours := bytes.CutPrefix(decoded, i.prefix())
	switch p := ports.Place(place); {
	case !ours, p == ports.PlaceNow, p == ports.PlaceEarliest:
		return "", fmt.Errorf("%w: it is not of this store", ports.ErrBadCursor)
	default:
		return p, nil
	}
}
