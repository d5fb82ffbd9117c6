package audit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"orderflow/application/audit"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Messages are lost, repeated and exchanged at random. The report must equal its definitions, which
// are computed here in a slow way from all messages at once.
func TestVerifyTopic_PropEqualsTheDefinitions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s, f := newShop(t, rapid.SliceOfN(rapid.IntRange(1, 8), 1, 5).Draw(rt, "lengths")...), newTopic(3)
		written := make([][]eventsourcing.Record, len(f.partitions))
		for i := range s.orders {
			partition := i % len(written)
			for _, r := range s.all[s.orders[i]] {
				for range rapid.SampledFrom([]int{0, 1, 1, 1, 1, 2, 3}).Draw(rt, "times") {
					written[partition] = append(written[partition], r)
				}
			}
		}
		for p := range written {
			if rapid.Bool().Draw(rt, "shuffled") {
				written[p] = rapid.Permutation(written[p]).Draw(rt, "messages")
			}
			f.put(p, written[p]...)
		}
		options := ports.TopicOptions{From: rapid.Int64Range(-1, 6).Draw(rt, "from")}
		config := audit.Config{Store: s, Topic: f, MaxOrders: rapid.IntRange(1, 6).Draw(rt, "orders in a pass")}
		got, err := audit.New(config).VerifyTopic(t.Context(), options)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(defined(s, written, options.From), counts(got)); diff != "" {
			rt.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func defined(s *shop, written [][]eventsourcing.Record, from int64) (want ports.TopicReport) {
	for i, id := range s.orders {
		var sequences []uint64
		for offset, r := range written[i%len(written)] {
			if int64(offset) >= from && r.AggregateID == id {
				sequences = append(sequences, r.SequenceNumber)
			}
		}
		want.Messages += uint64(len(sequences))
		if from >= 0 && len(sequences) == 0 {
			want.Unjudged++
			continue
		}
		want.Aggregates++
		firstAt := map[uint64]int{}
		for at, n := range sequences {
			if _, came := firstAt[n]; came || from >= 0 && n < sequences[0] {
				want.Doubled++
			} else {
				firstAt[n] = at
			}
		}
		due := uint64(1)
		if from >= 0 {
			due = sequences[0]
		}
		for n := due; n <= uint64(len(s.all[id])); n++ {
			at, came := firstAt[n]
			predecessorAt, predecessorCame := firstAt[n-1]
			switch {
			case !came:
				want.Missing++
			case predecessorCame && at < predecessorAt:
				want.OutOfOrder++
			}
		}
	}
	return want
}
