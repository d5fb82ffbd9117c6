package source_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/source"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func subscribe(t testing.TB, f *source.Feed) ports.Subscription {
	t.Helper()
	s, err := f.Subscribe(topictest.Within(t), consumerName)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

const consumerName = "view"

func seekEnd(t testing.TB, f *source.Feed) {
	t.Helper()
	if err := f.SeekEnd(topictest.Within(t), consumerName); err != nil {
		t.Fatal(err)
	}
}

func nextOf(t testing.TB, s ports.Subscription) ports.Delivery {
	t.Helper()
	d, err := s.Next(topictest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func commit(t testing.TB, s ports.Subscription, p ports.Position) {
	t.Helper()
	if err := s.Commit(topictest.Within(t), p); err != nil {
		t.Fatal(err)
	}
}

func awaitLag(t testing.TB, f *source.Feed, want ports.Lag) {
	t.Helper()
	ctx := topictest.Within(t)
	for {
		lag, err := f.Lag(ctx, consumerName)
		if err != nil {
			t.Fatal(err)
		}
		if lag.Known == want.Known && lag.Events == want.Events {
			return
		}
	}
}

// worker is a process that handles its deliveries like application/consumer: in order within each
// order, with commits afterwards.
type worker struct {
	feed *source.Feed
	stop context.CancelFunc
	done chan struct{}
	// handled counts its deliveries.
	handled atomic.Int64
}

// journal holds what all workers have handled, in the views that they share.
type journal struct {
	mu      sync.Mutex
	last    map[uuid.UUID]uint64
	events  int
	doubled int
	holes   []string
	changed chan struct{}
}

func newJournal() *journal {
	return &journal{last: make(map[uuid.UUID]uint64), changed: make(chan struct{}, 1)}
}

func (j *journal) handle(r eventsourcing.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch due := j.last[r.AggregateID] + 1; {
	case r.SequenceNumber == due:
		j.last[r.AggregateID] = due
		j.events++
	case r.SequenceNumber < due:
		j.doubled++
	default:
		j.holes = append(j.holes, fmt.Sprintf("%d of %s came where %d was due", r.SequenceNumber, r.AggregateID, due))
	}
	select {
	case j.changed <- struct{}{}:
	default:
	}
}

// await waits until n events have been handled.
func (j *journal) await(t testing.TB, n int) {
	t.Helper()
	ctx := topictest.Within(t)
	for {
		j.mu.Lock()
		events, holes := j.events, j.holes
		j.mu.Unlock()
		if len(holes) > 0 {
			t.Fatalf("%d holes, the first one: %s", len(holes), holes[0])
		}
		if events >= n {
			return
		}
		select {
		case <-j.changed:
		case <-ctx.Done():
			t.Fatalf("%d of %d events were handled", events, n)
		}
	}
}

func startWorker(t testing.TB, config source.Config, j *journal) *worker {
	t.Helper()
	w := &worker{feed: newFeed(t, config), done: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	t.Cleanup(func() { w.end() })
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			if err := w.follow(ctx, j); err != nil && ctx.Err() == nil && !errors.Is(err, ports.ErrUnavailable) {
				t.Errorf("worker: %v", err)
				return
			}
		}
	}()
	return w
}

func (w *worker) follow(ctx context.Context, j *journal) error {
	s, err := w.feed.Subscribe(ctx, consumerName)
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		d, err := s.Next(ctx)
		if err != nil {
			return err
		}
		j.handle(d.Record)
		w.handled.Add(1)
		if err := s.Commit(ctx, d.Position); err != nil {
			return err
		}
	}
}

func (w *worker) end() {
	w.stop()
	<-w.done
}

// appendOrders writes orders of length events each, from several writers, and returns the number of
// events.
func appendOrders(t testing.TB, s *topictest.Shelf, orders, length int, each func(n int)) int {
	t.Helper()
	ids := make([]uuid.UUID, orders)
	for i := range ids {
		ids[i] = uuid.New()
	}
	for n := range length {
		var group sync.WaitGroup
		errs := make([]error, orders)
		for i, id := range ids {
			group.Go(func() { _, errs[i] = s.Append(t.Context(), topictest.Next(id, uint64(n))) })
		}
		group.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if each != nil {
			each(n)
		}
	}
	return orders * length
}
