package filling_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/filling"
	"orderflow/application/parking"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// slowTarget takes a second to acknowledge a record, and refuses those of one aggregate.
type slowTarget struct {
	refuse uuid.UUID
	mu     sync.Mutex
	got    map[uuid.UUID][]uint64
}

var errNotThat = errors.New("not that one")

// Publish implements ports.Publisher.
func (s *slowTarget) Publish(_ context.Context, r eventsourcing.Record) error {
	time.Sleep(time.Second)
	if r.AggregateID == s.refuse {
		return errNotThat
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got[r.AggregateID] = append(s.got[r.AggregateID], r.SequenceNumber)
	return nil
}

// publishTo returns a View whose effect is to publish.
func publishTo(target ports.Publisher, store *memory.Store) *filling.View {
	return filling.NewView(filling.Config{
		View: ports.ViewID{Consumer: "p", Generation: 1}, Effect: filling.Publish(target), Store: store, Views: store,
		Skips: parking.New("p", store, store), Logger: slog.New(slog.DiscardHandler),
	})
}

// A publisher waits for the target once for all aggregates of a batch. When one of them fails, the
// others have been published, and are not published again.
func TestView_HandleAll_PublishesAtTheSameTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Options{})
		target := &slowTarget{got: map[uuid.UUID][]uint64{}}
		view := publishTo(target, store)
		var records []eventsourcing.Record
		for sequence := range uint64(2) {
			for i := range byte(20) {
				records = append(records, eventsourcing.Record{
					Header: eventsourcing.Header{
						AggregateType: "order", EventID: uuid.New(), AggregateID: uuid.UUID{i + 1}, SequenceNumber: sequence + 1,
					},
					EventType: "test.happened", EventVersion: 1, Payload: []byte(`{}`),
				})
			}
		}
		target.refuse = uuid.UUID{7}
		begin := time.Now()
		did, left, err := view.HandleAll(t.Context(), records)
		if !errors.Is(err, errNotThat) || did.Applied != 38 || len(left) != 2 || time.Since(begin) != 2*time.Second {
			t.Errorf("applied %d in %s, %v; want 38 in 2 s", did.Applied, time.Since(begin), err)
		}
		target.refuse = uuid.Nil
		if did, left, err = view.HandleAll(t.Context(), records); err != nil || did.Applied != 2 || did.Duplicates != 38 || left != nil {
			t.Errorf("the second time: %+v, %v", did, err)
		}
		for i := range byte(20) {
			if got := target.got[uuid.UUID{i + 1}]; len(got) != 2 || got[0] != 1 || got[1] != 2 {
				t.Errorf("of %d it has got %v", i+1, got)
			}
		}
	})
}

// A publisher that catches up does the same. A second attempt publishes only what failed.
func TestView_CatchesUpATargetAtTheSameTime(t *testing.T) {
	t.Parallel()
	for name, catchUp := range map[string]func(context.Context, *filling.View, [][]eventsourcing.Record) error{
		"BringUpAll": func(ctx context.Context, view *filling.View, histories [][]eventsourcing.Record) error {
			heads := make([]ports.Head, len(histories))
			for i, history := range histories {
				heads[i] = ports.Head{AggregateID: history[0].AggregateID, SequenceNumber: uint64(len(history))}
			}
			_, err := view.BringUpAll(ctx, heads)
			return err
		},
		"TakeAll": func(ctx context.Context, view *filling.View, histories [][]eventsourcing.Record) error {
			_, err := view.TakeAll(ctx, histories)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := memory.New(memory.Options{})
				var histories [][]eventsourcing.Record
				events := 0
				for id := range fill(t, store, 40) {
					history, err := store.Load(t.Context(), id, 0)
					if err != nil {
						t.Fatal(err)
					}
					histories, events = append(histories, history), events+len(history)
				}
				target := &slowTarget{got: map[uuid.UUID][]uint64{}, refuse: histories[7][0].AggregateID}
				view := publishTo(target, store)
				begin := time.Now()
				if err := catchUp(t.Context(), view, histories); !errors.Is(err, errNotThat) || time.Since(begin) != 2*time.Second {
					t.Errorf("after %s: %v; want that one is refused after 2 s", time.Since(begin), err)
				}
				target.refuse = uuid.Nil
				if err := catchUp(t.Context(), view, histories); err != nil {
					t.Fatal(err)
				}
				got := 0
				for _, history := range histories {
					id := history[0].AggregateID
					got += len(target.got[id])
					if !slices.IsSorted(target.got[id]) || len(target.got[id]) != len(history) {
						t.Errorf("of %s it has got %v, want %d events", id, target.got[id], len(history))
					}
				}
				if got != events {
					t.Errorf("it has got %d events, want %d", got, events)
				}
			})
		})
	}
}
