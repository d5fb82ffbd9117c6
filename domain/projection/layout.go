package projection

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"

	"orderflow/domain/compact"
)

// Layout says how the states S of a projection are stored between events.
//
// A stored state says which version of the layout wrote it, and has a checksum. So a state that was
// damaged, or that another projection wrote, is refused and not misread.
type Layout[S any] struct {
	// Version is the version of what Write writes. It is at least 1, and must change with it. The
	// version of the projection can stay: an older state is read, and is written in the newest
	// version when the next event changes it.
	Version int
	// Write appends the fields of a state. Equal states must give equal bytes.
	Write func(dst []byte, state S) []byte
	// Read reads what Write has written.
	Read func(r *compact.Reader) S
	// Earlier reads what earlier versions have written, by their number.
	Earlier map[int]func(r *compact.Reader) S
	// JSON reads states from before there were layouts. Nil means that such a state is JSON of an
	// S.
	JSON func(data []byte) (S, error)
}

// packed is the first byte of a state that a layout has written. No JSON begins with it.
const packed = 0x01

// checksumLen is the length of the checksum at the end of a packed state.
const checksumLen = 4

var errDamaged = errors.New("the checksum is wrong")

// pack returns the stored form of a state: packed, the version, the fields, the checksum.
func (l *Layout[S]) pack(name string, state S) []byte {
	data := make([]byte, 1, 160)
	data[0] = packed
	data = binary.AppendUvarint(data, uint64(l.Version))
	data = l.Write(data, state)
	return binary.LittleEndian.AppendUint32(data, checksum(name, data))
}

// unpack is the inverse of pack, for every version.
func (l *Layout[S]) unpack(name string, data []byte) (state S, err error) {
	if len(data) == 0 {
		return state, nil
	}
	if data[0] != packed {
		return l.fromJSON(data)
	}
	version, size := binary.Uvarint(data[1:])
	if size <= 0 || len(data) < 1+size+checksumLen {
		return state, compact.ErrShort
	}
	body := data[: len(data)-checksumLen : len(data)-checksumLen]
	if binary.LittleEndian.Uint32(data[len(body):]) != checksum(name, body) {
		return state, errDamaged
	}
	read := l.Earlier[int(version)]
	if version == uint64(l.Version) {
		read = l.Read
	}
	if read == nil {
		return state, fmt.Errorf("unknown version %d", version)
	}
	r := compact.NewReader(body[1+size:])
	if state = read(r); r.End() != nil {
		var none S
		return none, r.End()
	}
	return state, nil
}

func (l *Layout[S]) fromJSON(data []byte) (state S, err error) {
	if l.JSON != nil {
		return l.JSON(data)
	}
	err = json.Unmarshal(data, &state)
	return state, err
}

// checksum depends on the projection, so that no other one reads the state.
func checksum(name string, data []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // the package keeps it
	return crc32.Update(crc32.Checksum([]byte(name), table), table, data)
}
