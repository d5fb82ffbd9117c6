package compact

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// AppendText appends a text.
func AppendText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// AppendNumber appends a number.
func AppendNumber(dst []byte, n int64) []byte { return binary.AppendVarint(dst, n) }

// AppendCount appends the number of the elements that follow. It must not be negative.
func AppendCount(dst []byte, n int) []byte { return binary.AppendUvarint(dst, uint64(n)) }

// AppendID appends an id.
func AppendID(dst []byte, id uuid.UUID) []byte { return append(dst, id[:]...) }

// AppendTime appends a moment. It is read in UTC, whatever its location is.
func AppendTime(dst []byte, t time.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(dst, t.Unix()), uint64(t.Nanosecond()))
}
