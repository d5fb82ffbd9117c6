package portkit

import (
	"encoding/hex"

	"github.com/google/uuid"
)

// AppendUUID appends an id in its usual form of 36 characters. It needs no memory besides b.
func AppendUUID(b []byte, id uuid.UUID) []byte {
	b = hex.AppendEncode(b, id[:4])
	for _, part := range [...][]byte{id[4:6], id[6:8], id[8:10], id[10:]} {
		b = hex.AppendEncode(append(b, '-'), part)
	}
	return b
}
