package aside_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/application/aside"
	"orderflow/domain/eventsourcing"
)

// Whatever is put in and taken out in which order: the records of an aggregate come out as they
// came in, what is held is released when its queue is empty and not before, and the bounds hold.
func TestRoom_PropKeepsTheOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const aggregates, records = 2, 5
		room := aside.New(aggregates, records)
		queues := map[uuid.UUID][]uint64{} // what is aside
		held := map[uuid.UUID]int{}
		released, sequence, taken := 0, uint64(0), 0
		var waits []<-chan struct{}
		id := rapid.Custom(func(t *rapid.T) uuid.UUID { return uuid.UUID{rapid.ByteRange(1, 3).Draw(t, "aggregate")} })
		next := func(id uuid.UUID) (r eventsourcing.Record) {
			sequence++
			r.AggregateID, r.SequenceNumber = id, sequence
			return r
		}
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				id := id.Draw(t, "id")
				if queues[id] != nil {
					t.Skip("it is aside")
				}
				r := next(id)
				if got, want := room.Open(r), len(queues) < aggregates && taken < records; got != want {
					t.Fatalf("Open = %v with %d aggregates and %d records", got, len(queues), taken)
				} else if got {
					queues[id], taken = []uint64{r.SequenceNumber}, taken+1
				}
			},
			"add": func(t *rapid.T) {
				r := next(id.Draw(t, "id"))
				added, wait := room.Add(r)
				aside := queues[r.AggregateID] != nil
				if added != (aside && taken < records) || (wait != nil) != (aside && !added) {
					t.Fatalf("Add = %v, waits: %v; it is aside: %v, %d records", added, wait != nil, aside, taken)
				}
				if wait != nil {
					waits = append(waits, wait)
				}
				if added {
					queues[r.AggregateID], taken = append(queues[r.AggregateID], r.SequenceNumber), taken+1
				}
			},
			"next": func(t *rapid.T) {
				id := id.Draw(t, "id")
				if queues[id] == nil {
					t.Skip("it is not aside")
				}
				queues[id], taken = queues[id][1:], taken-1
				record, more, done := room.Next(id)
				for _, wait := range waits {
					<-wait
				}
				waits = nil
				if more != (len(queues[id]) > 0) || more && record.SequenceNumber != queues[id][0] {
					t.Fatalf("Next = %d, %v; %v are left", record.SequenceNumber, more, queues[id])
				}
				for _, f := range done {
					f()
				}
				if more && done != nil || !more && released != held[id] {
					t.Fatalf("%d were released, %d are held, more %v", len(done), held[id], more)
				}
				if !more {
					delete(queues, id)
					delete(held, id)
				}
				released = 0
			},
			"hold": func(t *rapid.T) {
				id := id.Draw(t, "id")
				if got, want := room.Hold(id, func() { released++ }), queues[id] != nil; got != want {
					t.Fatalf("Hold = %v", got)
				} else if got {
					held[id]++
				}
			},
			"split": func(t *rapid.T) {
				var all, free, behind []eventsourcing.Record
				for range rapid.IntRange(0, 6).Draw(t, "n") {
					r := next(id.Draw(t, "id"))
					if all = append(all, r); queues[r.AggregateID] == nil {
						free = append(free, r)
					} else {
						behind = append(behind, r)
					}
				}
				gotFree, gotBehind := room.Split(all)
				if diff := cmp.Diff([][]uint64{of(free), of(behind)}, [][]uint64{of(gotFree), of(gotBehind)}); diff != "" {
					t.Fatal(diff)
				}
			},
		})
	})
}

func of(records []eventsourcing.Record) []uint64 {
	return slices.Collect(func(yield func(uint64) bool) {
		for _, r := range records {
			if !yield(r.SequenceNumber) {
				return
			}
		}
	})
}
