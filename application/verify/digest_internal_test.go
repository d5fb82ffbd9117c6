package verify

import (
	"hash/maphash"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/domain/projection"
)

func values() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.Map(rapid.SampledFrom([]string{"", "a", "b", "ab", "\x00"}), func(v string) any { return v }),
		rapid.Map(rapid.SampledFrom([]int64{0, 1, -1, 97}), func(v int64) any { return v }),
		rapid.Map(rapid.SampledFrom([]time.Time{{}, time.UnixMilli(1).UTC(), time.UnixMilli(1), time.UnixMilli(2).UTC()}), func(v time.Time) any { return v }),
		rapid.Map(rapid.SampledFrom([]uuid.UUID{{}, {1}}), func(v uuid.UUID) any { return v }),
		rapid.Map(rapid.SampledFrom([]int{0, 1}), func(v int) any { return v }), // of a wrong type
	)
}

// Two rows have the same hash exactly if they are the same row.
func TestHasher_PropTellsRowsApart(t *testing.T) {
	t.Parallel()
	one, two := maphash.MakeSeed(), maphash.MakeSeed()
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.SliceOfN(values(), 0, 3), 2, 2).Draw(t, "rows")
		a, b := newHasher(one, 8), newHasher(one, 8)
		same := projection.SameRow(rows[0], rows[1])
		if got := a.row(rows[0]) == b.row(rows[1]); got != same {
			t.Fatalf("%v and %v: same hash is %v, same row is %v", rows[0], rows[1], got, same)
		}
		if len(rows[0]) > 0 && a.row(rows[0]) == newHasher(two, 8).row(rows[0]) {
			t.Fatal("the hash does not depend on the seed")
		}
	})
}

// However a digest is shrunk, each aggregate finds its sum where a hasher of that size looks.
func TestDigest_PropShrinks(t *testing.T) {
	t.Parallel()
	seed := maphash.MakeSeed()
	rapid.Check(t, func(t *rapid.T) {
		small := newHasher(seed, bucketsFor(rapid.Uint64Range(0, 1<<21).Draw(t, "aggregates")))
		all, large := make(digest, maxBuckets), newHasher(seed, maxBuckets)
		ids := rapid.SliceOfN(rapid.Uint32(), 1, 20).Draw(t, "ids")
		for _, n := range ids {
			id := uuid.UUID{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}
			all.found(large.bucket(id), large.head(id, 1))
		}
		shrunk := all.shrunk(small.buckets)
		for _, n := range ids {
			id := uuid.UUID{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}
			shrunk.expect(small.bucket(id), small.head(id, 1))
		}
		if shrunk.differs() {
			t.Fatal("what was found and expected does not add up to nothing")
		}
	})
}
