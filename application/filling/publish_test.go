package filling_test

import (
	"context"
	"errors"
	"log/slog"
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

// A publisher waits for the target once for all aggregates of a batch. When one of them fails, the
// others have been published, and are not published again.
func TestView_HandleAll_PublishesAtTheSameTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Options{})
		target := &slowTarget{got: map[uuid.UUID][]uint64{}}
		view := filling.NewView(filling.Config{
			View: ports.ViewID{Consumer: "p", Generation: 1}, Effect: filling.Publish(target), Store: store, Views: store,
			Skips: parking.New("p", store, store), Logger: slog.New(slog.DiscardHandler),
		})
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
