package layout

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"orderflow/ports"
)

// formatSnapshot: version, and then the data up to the end.
const formatSnapshot = 1

// EncodeSnapshot returns the value of a snapshot.
func EncodeSnapshot(s ports.Snapshot) []byte {
	value := make([]byte, 0, 1+binary.MaxVarintLen64+len(s.Data))
	value = binary.AppendUvarint(append(value, formatSnapshot), uint64(s.Version))
	return append(value, s.Data...)
}

// DecodeSnapshot reads the version and the data of a snapshot, and from the end of its key the
// sequence number.
func DecodeSnapshot(key, value []byte) (s ports.Snapshot, err error) {
	d := decode(value, formatSnapshot)
	version := d.uvarint()
	if version > math.MaxInt {
		d.fail(errCanonical)
	}
	if d.err != nil {
		return s, fmt.Errorf("snapshot: %w", d.err)
	}
	s.SequenceNumber, s.Version = binary.BigEndian.Uint64(key[len(key)-8:]), int(version)
	s.Data = bytes.Clone(d.rest)
	return s, nil
}
