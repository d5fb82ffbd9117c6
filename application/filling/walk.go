package filling

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderflow/application/failure"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

const (
	// headPage is how many heads are read at once.
	headPage = 256
	// historyPage is how many events are read at once.
	historyPage = 1024
	// together is how many aggregates are visited in one call, at most.
	together = 64
	// mostAside is how many aggregates are tried again beside the workers at once.
	mostAside = 64
)

// Scanner is what a [Walk] reads.
type Scanner interface {
	ports.HeadScanner
	// ListEvents is as in ports.RecordLister.
	ListEvents(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error)
	Loader
}

// Walk visits every aggregate of some types in the event store, several at once.
type Walk struct {
	Store Scanner
	// Takes reports which aggregate types are visited.
	Takes func(aggregateType string) bool
	// Workers is how many aggregates are visited at once.
	Workers int
	Backoff failure.Backoff
	// Place is where the walk begins, and it stores how far the walk has got. If it is nil, the
	// walk begins at the first aggregate and stores nothing.
	Place *Place
	// Stuck, unless nil, is called for each failed attempt that will be repeated. id is the nil
	// UUID when the listing failed.
	Stuck func(ctx context.Context, id uuid.UUID, attempt int, err error)
	// Flows, unless nil, is called when a repeated attempt has succeeded after calls of Stuck.
	Flows func(ctx context.Context, id uuid.UUID)
}

// Heads visits the head of every aggregate. Calls of visit are concurrent. A transient error of
// visit is retried for that aggregate alone, until ctx ends. Any other error ends the walk.
func (w Walk) Heads(ctx context.Context, visit func(context.Context, ports.Head) error) error {
	return walk(ctx, w, w.heads, 1, visits[ports.Head]{id: headID, one: visit})
}

// HeadsTogether does what Heads does, with several heads in one call of all, or with a single one.
// What fails alone, too, is visited with one, as in Heads, beside the workers: they go on with
// others, as long as no more than some dozens of aggregates are aside. So one may wait. Calls of
// all and one are concurrent, but never for the same aggregate.
func (w Walk) HeadsTogether(
	ctx context.Context, all func(context.Context, []ports.Head) error, one func(context.Context, ports.Head) error,
) error {
	return walk(ctx, w, w.heads, together, visits[ports.Head]{id: headID, all: all, one: one})
}

func headID(h ports.Head) uuid.UUID { return h.AggregateID }

func (w Walk) heads(ctx context.Context, cursor ports.Cursor) (heads []ports.Head, next ports.Cursor, err error) {
	page, err := w.Store.ScanHeads(ctx, cursor, headPage)
	for _, head := range page.Heads {
		if w.Takes(head.AggregateType) {
			heads = append(heads, head)
		}
	}
	return heads, page.Next, err
}

// Count returns how many aggregates a walk from the beginning visits.
func (w Walk) Count(ctx context.Context) (n uint64, err error) {
	for cursor := ports.Cursor(""); ; {
		var heads []ports.Head
		err := w.persist(ctx, uuid.Nil, func() (err error) {
			heads, cursor, err = w.heads(ctx, cursor)
			return err
		})
		if n += uint64(len(heads)); err != nil || cursor == "" {
			return n, err
		}
	}
}

// Histories visits the history of every aggregate, as it is when it is read, in the way of
// HeadsTogether, or of Heads when all is nil. It reads the events in the order in which they are
// stored. That costs less than half of loading each history by its head (BenchmarkRebuild).
func (w Walk) Histories(
	ctx context.Context, all func(context.Context, [][]eventsourcing.Record) error, one func(context.Context, []eventsourcing.Record) error,
) error {
	// the last history of a page, which may continue on the next page
	var last []eventsourcing.Record
	list := func(ctx context.Context, cursor ports.Cursor) (histories [][]eventsourcing.Record, next ports.Cursor, err error) {
		page, err := w.Store.ListEvents(ctx, cursor, historyPage)
		if err != nil {
			return nil, "", err
		}
		for _, record := range page.Records {
			if !w.Takes(record.AggregateType) {
				continue
			}
			if len(last) > 0 && last[0].AggregateID != record.AggregateID {
				histories, last = append(histories, last), nil
			}
			last = append(last, record)
		}
		if page.Next == "" && len(last) > 0 {
			histories, last = append(histories, last), nil
		}
		return histories, page.Next, nil
	}
	id := func(history []eventsourcing.Record) uuid.UUID { return history[0].AggregateID }
	// whole loads a history when the walk began within it.
	whole := func(ctx context.Context, history []eventsourcing.Record) ([]eventsourcing.Record, error) {
		if history[0].SequenceNumber == 1 {
			return history, nil
		}
		history, err := w.Store.Load(ctx, id(history), 0)
		return history, failure.Mark(ports.FailureStore, err)
	}
	var allWhole func(context.Context, [][]eventsourcing.Record) error
	if all != nil {
		allWhole = func(ctx context.Context, histories [][]eventsourcing.Record) (err error) {
			for i := range histories {
				if histories[i], err = whole(ctx, histories[i]); err != nil {
					return err
				}
			}
			return all(ctx, histories)
		}
	}
	return walk(ctx, w, list, together, visits[[]eventsourcing.Record]{
		id: id, all: allWhole,
		one: func(ctx context.Context, history []eventsourcing.Record) (err error) {
			if history, err = whole(ctx, history); err != nil {
				return err
			}
			return one(ctx, history)
		},
	})
}

// visits is what a walk does with what is listed.
type visits[T any] struct {
	id func(T) uuid.UUID
	// all, unless it is nil, visits several at once, and one visits one.
	all func(context.Context, []T) error
	one func(context.Context, T) error
}

// walk lists pages, and workers visit what is on them, up to so many at once.
func walk[T any](
	ctx context.Context, w Walk, list func(context.Context, ports.Cursor) ([]T, ports.Cursor, error), atOnce int, v visits[T],
) error {
	type item struct {
		of     *sheet
		values []T
	}
	all, ctx := errgroup.WithContext(ctx)
	due := make(chan item)
	sheets := sheets{place: w.Place}
	all.Go(func() error {
		defer close(due)
		for cursor := w.Place.cursor(); ; {
			var values []T
			var next ports.Cursor
			err := w.persist(ctx, uuid.Nil, func() (err error) {
				values, next, err = list(ctx, cursor)
				return err
			})
			if err != nil {
				return err
			}
			of := sheets.add(len(values), next)
			for part := range slices.Chunk(values, atOnce) {
				select {
				case due <- item{of, part}:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if err := sheets.finish(ctx, of, 1); err != nil {
				return err
			}
			if cursor = next; cursor == "" {
				return nil
			}
		}
	})
	insist := func(of *sheet, value T) error {
		if err := w.persist(ctx, v.id(value), func() error { return v.one(ctx, value) }); err != nil {
			return err
		}
		return sheets.finish(ctx, of, 1)
	}
	beside := make(chan struct{}, mostAside)
	aside := func(of *sheet, value T) error {
		select {
		case beside <- struct{}{}:
			all.Go(func() error { defer func() { <-beside }(); return insist(of, value) })
			return nil
		default: // no room: it is tried here
			return insist(of, value)
		}
	}
	for range w.Workers { // the workers keep their stacks, which grow with the first aggregate
		all.Go(func() error {
			for it := range due {
				again, err := visit(ctx, v, it.values)
				if err != nil {
					return err
				}
				if err := sheets.finish(ctx, it.of, len(it.values)-len(again)); err != nil {
					return err
				}
				for _, value := range again {
					if err := aside(it.of, value); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	return all.Wait()
}

// visit visits several values at once. When that fails, it visits them one by one, and returns
// those that fail again. Without all, it returns the error of one that is not transient.
func visit[T any](ctx context.Context, v visits[T], values []T) (again []T, err error) {
	try := func(value T) error { return v.all(ctx, []T{value}) }
	if v.all == nil {
		try = func(value T) error { return v.one(ctx, value) }
	} else if err := v.all(ctx, values); err == nil || ctx.Err() != nil {
		return nil, err
	} else if len(values) == 1 {
		return values, nil
	}
	for _, value := range values {
		switch err := try(value); {
		case err == nil:
		case ctx.Err() != nil:
			return nil, err
		case v.all != nil || failure.Transient(err):
			again = append(again, value)
		default:
			return nil, err
		}
	}
	return again, nil
}

// persist repeats work while its error is transient and ctx lives.
func (w Walk) persist(ctx context.Context, id uuid.UUID, work func() error) error {
	for attempt := 1; ; attempt++ {
		err := work()
		if err == nil && attempt > 1 && w.Flows != nil {
			w.Flows(ctx, id)
		}
		if err == nil || !failure.Transient(err) || ctx.Err() != nil {
			return err
		}
		if w.Stuck != nil {
			w.Stuck(ctx, id, attempt, err)
		}
		if stopped := w.Backoff.Wait(ctx, nil, attempt); stopped != nil {
			return errors.Join(stopped, err)
		}
	}
}

// sheets are the pages of a walk that are in progress, in the order of the listing. A page is
// reached when it and every earlier one is done.
type sheets struct {
	place *Place

	mu   sync.Mutex
	open []*sheet
	done uint64
}

type sheet struct {
	left int // visits, and the listing of the page itself
	size int
	next ports.Cursor
}

func (s *sheets) add(visits int, next ports.Cursor) *sheet {
	s.mu.Lock()
	defer s.mu.Unlock()
	added := &sheet{left: visits + 1, size: visits, next: next}
	s.open = append(s.open, added)
	return added
}

// finish counts visits of a page as done.
func (s *sheets) finish(ctx context.Context, of *sheet, visits int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	of.left -= visits
	for len(s.open) > 0 && s.open[0].left == 0 {
		first := s.open[0]
		s.open = s.open[1:]
		s.done += uint64(first.size)
		if s.place == nil || first.next == "" { // the owner of the place records the end
			continue
		}
		// A place that is not stored costs only repeated work after a restart.
		if err := s.place.reached(ctx, first.next, uint64(first.size)); err != nil &&
			(!failure.Transient(err) || ctx.Err() != nil) {
			return err
		}
	}
	return nil
}
