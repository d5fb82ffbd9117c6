package filling_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// fill writes aggregates with one or two events each.
func fill(t *testing.T, store *memory.Store, aggregates int) map[uuid.UUID]int {
	t.Helper()
	want := map[uuid.UUID]int{}
	for i := range aggregates {
		id := uuid.New()
		want[id] = 1 + i%2
		var records []eventsourcing.Record
		for sequence := range want[id] {
			records = append(records, eventsourcing.Record{Header: eventsourcing.Header{
				AggregateType: "thing", AggregateID: id, SequenceNumber: uint64(sequence + 1), EventID: uuid.New(), CommandID: uuid.UUID{1},
				CreatedAt: eventsourcing.Timestamp(time.Now()),
			}, EventType: "thing.done", EventVersion: 1, Payload: []byte("{}")})
		}
		if _, err := store.Append(t.Context(), ports.Append{AggregateID: id, CommandID: uuid.UUID{1}, Records: records}); err != nil {
			t.Fatal(err)
		}
	}
	return want
}

// visited counts the events of what was visited.
type visited struct {
	mu sync.Mutex
	n  map[uuid.UUID]int
	// refused fails with ports.ErrUnavailable so many times, and then works.
	refused  map[uuid.UUID]int
	together int
}

func (v *visited) visit(id uuid.UUID, events int) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.refused[id] > 0 {
		v.refused[id]--
		return fmt.Errorf("not yet: %w", ports.ErrUnavailable)
	}
	v.n[id] += events
	return nil
}

func walkOf(store *memory.Store) filling.Walk {
	return filling.Walk{
		Store: store, Takes: func(string) bool { return true }, Workers: 3, Backoff: failure.Backoff{First: time.Microsecond, Max: time.Microsecond},
	}
}

func TestWalk_VisitsEveryAggregateOnceTogetherOrOneByOne(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	want := fill(t, store, 3000)
	if n, err := walkOf(store).Count(t.Context()); err != nil || n != 3000 {
		t.Errorf("counted %d, %v", n, err)
	}
	for name, fails := range map[string]bool{"together": false, "one by one": true} {
		histories, heads := visited{n: map[uuid.UUID]int{}}, visited{n: map[uuid.UUID]int{}}
		together := func(v *visited, n int) error {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.together = max(v.together, n)
			if fails {
				return errors.New("not together")
			}
			return nil
		}
		err := walkOf(store).Histories(t.Context(), func(_ context.Context, all [][]eventsourcing.Record) error {
			if err := together(&histories, len(all)); err != nil {
				return err
			}
			for _, h := range all {
				_ = histories.visit(h[0].AggregateID, len(h))
			}
			return nil
		}, func(_ context.Context, h []eventsourcing.Record) error {
			return histories.visit(h[0].AggregateID, len(h))
		})
		if diff := cmp.Diff(want, histories.n); err != nil || diff != "" || histories.together < 2 {
			t.Errorf("histories %s: %v, up to %d together\n%s", name, err, histories.together, diff)
		}
		err = walkOf(store).HeadsTogether(t.Context(), func(_ context.Context, all []ports.Head) error {
			if err := together(&heads, len(all)); err != nil {
				return err
			}
			for _, h := range all {
				_ = heads.visit(h.AggregateID, int(h.SequenceNumber)) //nolint:gosec // it is small
			}
			return nil
		}, func(_ context.Context, h ports.Head) error {
			return heads.visit(h.AggregateID, int(h.SequenceNumber)) //nolint:gosec // it is small
		})
		if diff := cmp.Diff(want, heads.n); err != nil || diff != "" || heads.together < 2 {
			t.Errorf("heads %s: %v, up to %d together\n%s", name, err, heads.together, diff)
		}
	}
}

// An aggregate that fails again and again waits for the others that were visited with it, and is
// named.
func TestWalk_AStuckAggregateHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	want := fill(t, store, 200)
	var stuck uuid.UUID
	for stuck = range want {
		break
	}
	v := visited{n: map[uuid.UUID]int{}, refused: map[uuid.UUID]int{stuck: 5}}
	walk, flowed := walkOf(store), 0
	walk.Workers = 1
	walk.Stuck = func(_ context.Context, id uuid.UUID, _ int, _ error) {
		if id != stuck {
			t.Errorf("%s is said to be stuck, not %s", id, stuck)
		}
	}
	walk.Flows = func(context.Context, uuid.UUID) { flowed++ }
	err := walk.HeadsTogether(t.Context(), func(context.Context, []ports.Head) error { return ports.ErrUnavailable },
		func(_ context.Context, h ports.Head) error {
			return v.visit(h.AggregateID, int(h.SequenceNumber)) //nolint:gosec // it is small
		})
	if diff := cmp.Diff(want, v.n); err != nil || diff != "" || flowed != 1 {
		t.Errorf("%v, flowed %d times\n%s", err, flowed, diff)
	}
	// An error that is not transient ends the walk.
	lost := errors.New("lost")
	err = walk.HeadsTogether(t.Context(), func(context.Context, []ports.Head) error { return lost },
		func(context.Context, ports.Head) error { return lost })
	if !errors.Is(err, lost) {
		t.Errorf("got %v", err)
	}
}
