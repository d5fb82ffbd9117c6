package scylla

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/google/uuid"
)

// token returns where an aggregate's partition is in the ring, as the servers compute it: the first
// half of Murmur3 (x64, 128 bits) of the 16 bytes of the id, which are exactly one block.
func token(id uuid.UUID) int64 {
	const c1, c2 = 0x87c37b91114253d5, 0x4cf5ad432745937f
	k1, k2 := binary.LittleEndian.Uint64(id[:8]), binary.LittleEndian.Uint64(id[8:])
	h1 := bits.RotateLeft64(k1*c1, 31) * c2
	h1 = bits.RotateLeft64(h1, 27)*5 + 0x52dce729
	h2 := bits.RotateLeft64(k2*c2, 33) * c1
	h2 = (bits.RotateLeft64(h2, 31)+h1)*5 + 0x38495ab5
	h1, h2 = h1^uint64(len(id)), h2^uint64(len(id))
	h1 += h2
	h2 += h1
	t := int64(mix(h1) + mix(h2))
	if t == math.MinInt64 { // stands for the beginning of the ring
		return math.MaxInt64
	}
	return t
}

func mix(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// span returns the number of tokens after from, up to and including to.
func span(from, to int64) uint64 { return uint64(to) - uint64(from) }
