package scyllasim

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// tokenOf returns the Murmur3 token of a partition key as ScyllaDB computes it (Cassandra's
// variant, which sign-extends the tail).
func tokenOf(key [][]byte) int64 {
	t := murmur3(compositeKey(key))
	if t == math.MinInt64 {
		return math.MaxInt64
	}
	return t
}

// cdcToken returns the token of a CDC stream. The stream id starts with it.
func cdcToken(stream []byte) int64 {
	if len(stream) < 8 {
		return math.MaxInt64
	}
	return int64(binary.BigEndian.Uint64(stream))
}

// compositeKey returns the serialized partition key: one component as it is, several components
// each with length and end marker.
func compositeKey(key [][]byte) []byte {
	if len(key) == 1 {
		return key[0]
	}
	var out []byte
	for _, k := range key {
		out = binary.BigEndian.AppendUint16(out, uint16(len(k)))
		out = append(out, k...)
		out = append(out, 0)
	}
	return out
}

const (
	murmurC1 uint64 = 0x87c37b91114253d5
	murmurC2 uint64 = 0x4cf5ad432745937f
)

func murmur3(data []byte) int64 {
	var h1, h2 uint64
	n := uint64(len(data))
	for ; len(data) >= 16; data = data[16:] {
		k1, k2 := binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[8:])
		h1 ^= bits.RotateLeft64(k1*murmurC1, 31) * murmurC2
		h1 = (bits.RotateLeft64(h1, 27)+h2)*5 + 0x52dce729
		h2 ^= bits.RotateLeft64(k2*murmurC2, 33) * murmurC1
		h2 = (bits.RotateLeft64(h2, 31)+h1)*5 + 0x38495ab5
	}
	var k1, k2 uint64
	for i, c := range data {
		v := uint64(int64(int8(c)))
		if i < 8 {
			k1 ^= v << (8 * i)
		} else {
			k2 ^= v << (8 * (i - 8))
		}
	}
	h2 ^= bits.RotateLeft64(k2*murmurC2, 33) * murmurC1
	h1 ^= bits.RotateLeft64(k1*murmurC1, 31) * murmurC2
	h1 ^= n
	h2 ^= n
	h1 += h2
	h2 += h1
	h1, h2 = fmix(h1), fmix(h2)
	return int64(h1 + h2)
}

func fmix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
