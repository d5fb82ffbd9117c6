package porttest

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"orderflow/ports"
)

// bulkScenarios are those of ports.BulkReader and ports.StateLister. They pass for a store that
// does not implement them.
func bulkScenarios() []scenario[ViewsHarness] {
	return []scenario[ViewsHarness]{
		{"states that are read together are those that are read one by one", statesTogether},
		{"a listing of states has each of a view, and of no other", statesListed},
		{"an ended context stops reading together", bulkCancelled},
		{"a closed store refuses to read together", bulkClosed},
	}
}

func statesTogether(t test, h ViewsHarness) {
	if h.Bulk == nil {
		return
	}
	var ids []uuid.UUID
	var want []ports.ViewState
	for n := range 40 {
		id, state := newID(), ports.ViewState{}
		if n%3 > 0 {
			change := listing(id, int64(n), fmt.Sprint("STATUS-", n))
			change.State.Data = []byte{byte(n)}
			t.applyTo(h, someView, change)
			state = change.State
		}
		t.applyTo(h, ports.ViewID{Consumer: someView.Consumer, Generation: 2}, listing(id, 99, "OTHER"))
		at := (7 * n) % (len(ids) + 1) // in no order
		ids, want = slices.Insert(ids, at, id), slices.Insert(want, at, state)
	}
	for _, n := range []int{0, 1, len(ids)} {
		var got []ports.ViewState
		var err error
		t.within("States", func(ctx context.Context) { got, err = h.Bulk.States(ctx, someView, ids[:n]) })
		t.must("read the states", err)
		if len(got) != n {
			t.Fatalf("%d states of %d", len(got), n)
		}
		for i, state := range got {
			if state.SequenceNumber != want[i].SequenceNumber || string(state.Data) != string(want[i].Data) {
				t.Fatalf("state %d of %d is %+v, want %+v", i, n, state, want[i])
			}
		}
	}
}

func statesListed(t test, h ViewsHarness) {
	if h.Lister == nil {
		return
	}
	want := map[uuid.UUID]uint64{}
	for n := range 11 {
		id := newID()
		want[id] = uint64(n) + 1
		t.applyTo(h, someView, listing(id, int64(n)+1, "ACTIVE"))
		for _, other := range []ports.ViewID{{Consumer: someView.Consumer, Generation: 2}, {Consumer: someView.Consumer + "c", Generation: 1}} {
			t.applyTo(h, other, listing(newID(), 1, "ACTIVE"))
		}
	}
	for _, limit := range []int{1, 3, 11, 100} {
		got := map[uuid.UUID]uint64{}
		for cursor := ports.Cursor(""); ; {
			var page ports.StatePage
			var err error
			t.within("ListStates", func(ctx context.Context) { page, err = h.Lister.ListStates(ctx, someView, cursor, limit) })
			t.must("list states", err)
			if len(page.States) > limit {
				t.Fatalf("a page of states has %d, want at most %d", len(page.States), limit)
			}
			for _, state := range page.States {
				if _, twice := got[state.AggregateID]; twice {
					t.Fatalf("the state of %s is listed twice", state.AggregateID)
				}
				got[state.AggregateID] = state.SequenceNumber
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d states are listed, want %d", len(got), len(want))
		}
		for id, sequence := range want {
			if got[id] != sequence {
				t.Fatalf("the state of %s is listed at %d, want %d", id, got[id], sequence)
			}
		}
	}
}

func bulkCalls(h ViewsHarness) (calls []call) {
	if h.Bulk != nil {
		calls = append(calls, call{"States", func(ctx context.Context) error {
			_, err := h.Bulk.States(ctx, someView, []uuid.UUID{newID()})
			return err
		}}, call{"LoadAll", func(ctx context.Context) error {
			_, err := h.Bulk.LoadAll(ctx, []ports.HistoryFrom{{AggregateID: newID()}})
			return err
		}})
	}
	if h.Lister != nil {
		calls = append(calls, call{"ListStates", func(ctx context.Context) error {
			_, err := h.Lister.ListStates(ctx, someView, "", 1)
			return err
		}})
	}
	return calls
}

func bulkCancelled(t test, h ViewsHarness) { t.refusesCancelled(bulkCalls(h)...) }

func bulkClosed(t test, h ViewsHarness) { t.refusesClosed(h, bulkCalls(h)...) }
