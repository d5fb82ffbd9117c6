package layout

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"time"

	"github.com/google/uuid"

	"orderflow/ports"
)

var (
	errShort     = errors.New("ends too early")
	errLong      = errors.New("continues after its end")
	errFormat    = errors.New("unknown format")
	errCanonical = errors.New("not in canonical form")
)

// decoder reads a value from front to back. It keeps the first failure, and reads zeros after it.
// So a caller checks once, with end.
type decoder struct {
	rest []byte
	err  error
}

// decode begins to read a value, whose first byte is its format.
func decode(value []byte, format byte) decoder {
	_, d := decodeEither(value, format, format)
	return d
}

// decodeEither is decode for a value that may have an older format. It returns the format of the
// value.
func decodeEither(value []byte, older, newer byte) (format byte, d decoder) {
	d = decoder{rest: value}
	first := d.bytes(1)
	if d.err != nil {
		return 0, d
	}
	if first[0] != older && first[0] != newer {
		d.fail(errFormat)
	}
	return first[0], d
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.rest = nil
}

// bytes returns the next n bytes. They belong to the value.
func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail(errShort)
		return nil
	}
	taken := d.rest[:n:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) uint64() uint64 {
	if b := d.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// uvarint reads a number in the fewest bytes. It refuses a longer form, so that a value has one
// encoding only.
func (d *decoder) uvarint() uint64 {
	n, size := binary.Uvarint(d.rest)
	switch {
	case size == 0:
		d.fail(errShort)
		return 0
	case size < 0 || size != max(1, (bits.Len64(n)+6)/7):
		d.fail(errCanonical)
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

// varint is the signed form of uvarint, as binary.AppendVarint writes it.
func (d *decoder) varint() int64 {
	n := d.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (d *decoder) string() string { return string(d.bytes(d.uvarint())) }

// aggregateType reads a name of n bytes. The name of most records needs no memory.
func (d *decoder) aggregateType(n uint64) string {
	name := d.bytes(n)
	if string(name) == ports.LegacyAggregateType {
		return ports.LegacyAggregateType
	}
	return string(name)
}

func (d *decoder) uuid() (id uuid.UUID) {
	copy(id[:], d.bytes(16))
	return id
}

func (d *decoder) time() time.Time { return FromMillis(d.varint()) }

// flags reads a byte. Only the known bits may be set.
func (d *decoder) flags(known byte) byte {
	b := d.bytes(1)
	if d.err != nil {
		return 0
	}
	if b[0]&^known != 0 {
		d.fail(errFormat)
		return 0
	}
	return b[0]
}

// end returns the first failure. Bytes that were not read are a failure.
func (d *decoder) end() error {
	if d.err == nil && len(d.rest) > 0 {
		d.fail(errLong)
	}
	return d.err
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// appendTime appends a time. The zero time is its number of milliseconds, which is far below every
// other one.
func appendTime(dst []byte, t time.Time) ([]byte, error) {
	millis, err := toMillis(t)
	return binary.AppendVarint(dst, millis), err
}
