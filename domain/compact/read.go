package compact

import (
	"errors"
	"math/bits"
	"time"

	"github.com/google/uuid"
)

// The reasons for which a [Reader] refuses its input.
var (
	ErrShort     = errors.New("ends too early")
	ErrLong      = errors.New("continues after its end")
	ErrCanonical = errors.New("not in canonical form")
)

// Reader reads fields from front to back. It keeps the first failure, and returns zero values after
// it. So a caller checks once, with End. A Reader is for one goroutine.
type Reader struct {
	rest string
	err  error
}

// NewReader returns a Reader of data, which it copies once. Texts share that copy.
func NewReader(data []byte) *Reader { return &Reader{rest: string(data)} }

// Fail makes End return err, unless there was a failure before.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = ""
}

// End returns the first failure. Input that was not read is a failure.
func (r *Reader) End() error {
	if r.err == nil && r.rest != "" {
		r.Fail(ErrLong)
	}
	return r.err
}

// Text reads a text.
func (r *Reader) Text() string { return r.take(r.uvarint()) }

// Number reads a number.
func (r *Reader) Number() int64 {
	n := r.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

// Count reads the number of the elements that follow. least is how many bytes each of them has at
// least, and must be above 0. So the count is never above what the rest of the input can hold.
func (r *Reader) Count(least int) int {
	n := r.uvarint()
	if n > uint64(len(r.rest)/least) {
		r.Fail(ErrShort)
		return 0
	}
	return int(n)
}

// ID reads an id.
func (r *Reader) ID() (id uuid.UUID) {
	copy(id[:], r.take(uint64(len(id))))
	return id
}

// The first and the last second that a time can have, so that it can be written again: those of the
// years 1 and 9999.
const (
	firstSecond = -62135596800
	lastSecond  = 253402300799
)

// Time reads a moment, in UTC.
func (r *Reader) Time() time.Time {
	seconds, nanos := r.Number(), r.uvarint()
	if r.err == nil && (seconds < firstSecond || seconds > lastSecond || nanos >= uint64(time.Second)) {
		r.Fail(ErrCanonical)
	}
	if r.err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanos)).UTC()
}

// take returns the next n bytes.
func (r *Reader) take(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.Fail(ErrShort)
		return ""
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

// uvarint reads a number in the fewest bytes, and refuses a longer form.
func (r *Reader) uvarint() (n uint64) {
	for i := 0; i < len(r.rest); i++ {
		b := r.rest[i]
		if i == 9 && b > 1 { // more than 64 bits
			break
		}
		n |= uint64(b&0x7f) << (7 * i)
		if b >= 0x80 {
			continue
		}
		if i+1 != max(1, (bits.Len64(n)+6)/7) {
			r.Fail(ErrCanonical)
			return 0
		}
		r.rest = r.rest[i+1:]
		return n
	}
	if len(r.rest) > 9 {
		r.Fail(ErrCanonical)
	} else {
		r.Fail(ErrShort)
	}
	return 0
}
