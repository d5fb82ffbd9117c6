package verify

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/projection"
)

// maxBuckets is the highest number of sums that a digest has. An aggregate belongs to one of them.
// One difference makes the aggregates of one bucket be compared one by one.
const maxBuckets = 1 << 17

// bucketsFor returns a number of buckets, a power of two, so that a bucket has about four of so
// many aggregates.
func bucketsFor(aggregates uint64) int {
	n := 1
	for n < maxBuckets && uint64(n)*4 < aggregates {
		n *= 2
	}
	return n
}

// digest is a sum of hashes for each bucket. What is expected is added and what is stored is
// subtracted, in any order. So a bucket in which both are the same has the sum 0. It takes one
// mebibyte at most. It may be used concurrently.
type digest []atomic.Uint64

// shrunk returns d with fewer buckets.
func (d digest) shrunk(n int) digest {
	if len(d) == 0 || len(d) == n {
		return d
	}
	small := make(digest, n)
	for bucket := range d {
		small[bucket%n].Add(d[bucket].Load())
	}
	return small
}

func (d digest) expect(bucket int, hash uint64) { d[bucket].Add(hash) }

func (d digest) found(bucket int, hash uint64) { d[bucket].Add(-hash) }

// differs reports whether a sum is not 0.
func (d digest) differs() bool {
	for bucket := range d {
		if d[bucket].Load() != 0 {
			return true
		}
	}
	return false
}

// hasher hashes with one seed. So two hashers of one run give the same hashes, and nobody can
// prepare two rows with the same one. It must not be used concurrently.
type hasher struct {
	h       maphash.Hash
	buckets int
}

func newHasher(seed maphash.Seed, buckets int) *hasher {
	h := &hasher{buckets: buckets}
	h.h.SetSeed(seed)
	return h
}

// bucket returns the bucket of an aggregate.
func (h *hasher) bucket(id uuid.UUID) int {
	h.h.Reset()
	h.write(id[:])
	return int(h.h.Sum64()%maxBuckets) % h.buckets //nolint:gosec // it is small
}

// head hashes how long a history is.
func (h *hasher) head(id uuid.UUID, sequence uint64) uint64 {
	h.h.Reset()
	h.write(id[:])
	h.number(sequence)
	return h.h.Sum64()
}

// row hashes a row. Rows that are the same in the sense of projection.SameRow have the same hash.
func (h *hasher) row(row projection.Row) uint64 {
	h.h.Reset()
	for _, value := range row {
		switch v := value.(type) {
		case string:
			h.kind('s', len(v))
			_, _ = h.h.WriteString(v) // it never fails
		case int64:
			h.kind('i', 0)
			h.number(uint64(v)) //nolint:gosec // any bits will do
		case time.Time:
			h.kind('t', v.Nanosecond())
			h.number(uint64(v.Unix())) //nolint:gosec // any bits will do
		case uuid.UUID:
			h.kind('u', 0)
			h.write(v[:])
		default:
			text := fmt.Sprintf("%T %v", v, v)
			h.kind('?', len(text))
			_, _ = h.h.WriteString(text) // it never fails
		}
	}
	return h.h.Sum64()
}

func (h *hasher) kind(kind byte, n int) {
	h.number(uint64(kind)<<32 | uint64(uint32(n))) //nolint:gosec // any bits will do
}

func (h *hasher) number(n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	h.write(b[:])
}

func (h *hasher) write(b []byte) { _, _ = h.h.Write(b) } // it never fails
