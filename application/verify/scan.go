package verify

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

const (
	// eventPage and rowPage are how many events and rows are read at once.
	eventPage = 1024
	rowPage   = 1024
)

// scan reads everything once, in the order in which it is stored, and finds out in which buckets
// something differs. It folds each history once for all views.
func (v *verification) scan(ctx context.Context) error {
	v.progress.begin(ports.VerifyHeads, 0)
	if err := v.scanHeads(ctx); err != nil {
		return err
	}
	v.size(v.progress.done.Load())
	v.progress.begin(ports.VerifyEvents, v.progress.done.Load())
	if err := v.scanEvents(ctx); err != nil {
		return err
	}
	v.progress.begin(ports.VerifyRows, v.expectedRows.Load())
	if err := v.scanRows(ctx); err != nil {
		return err
	}
	for bucket := range v.suspect {
		wrong := v.heads[bucket].Load() != 0
		for _, t := range v.targets {
			wrong = wrong || t.rows != nil && t.rows[bucket].Load() != 0
		}
		if wrong {
			v.suspect[bucket].Store(true)
		}
	}
	return nil
}

// size makes the digests, for so many aggregates.
func (v *verification) size(aggregates uint64) {
	v.buckets = bucketsFor(aggregates)
	v.heads, v.suspect = v.heads.shrunk(v.buckets), make([]atomic.Bool, v.buckets)
	for _, t := range v.targets {
		if t.projection != nil {
			t.rows = make(digest, v.buckets)
		}
	}
}

// hasher returns a hasher for one goroutine.
func (v *verification) hasher() *hasher { return newHasher(v.seed, v.buckets) }

func (v *verification) scanHeads(ctx context.Context) error {
	h := v.hasher()
	return v.everyHead(ctx, func(head ports.Head) error {
		v.heads.found(h.bucket(head.AggregateID), h.head(head.AggregateID, head.SequenceNumber))
		v.progress.add(1)
		return nil
	})
}

func (v *verification) everyHead(ctx context.Context, visit func(ports.Head) error) error {
	for cursor := ports.Cursor(""); ; {
		page, err := v.Store.ScanHeads(ctx, cursor, headPage)
		if err != nil {
			return fmt.Errorf("list aggregates: %w", err)
		}
		for _, head := range page.Heads {
			if err := visit(head); err != nil {
				return err
			}
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

// scanEvents reads every history. While a page is read, others are folded.
func (v *verification) scanEvents(ctx context.Context) error {
	workers, ctx := errgroup.WithContext(ctx)
	due := make(chan [][]eventsourcing.Record)
	workers.Go(func() error {
		defer close(due)
		return v.listHistories(ctx, func(histories [][]eventsourcing.Record) error {
			select {
			case due <- histories:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	for range max(2, runtime.GOMAXPROCS(0)) {
		workers.Go(func() error {
			h := v.hasher()
			for histories := range due {
				for _, history := range histories {
					if err := v.glance(ctx, h, history); err != nil {
						return err
					}
				}
				v.progress.add(len(histories))
			}
			return nil
		})
	}
	return workers.Wait()
}

// listHistories reads the events and divides them by aggregate.
func (v *verification) listHistories(ctx context.Context, pass func([][]eventsourcing.Record) error) error {
	var last []eventsourcing.Record // it may continue on the next page
	for cursor := ports.Cursor(""); ; {
		page, err := v.Store.ListEvents(ctx, cursor, eventPage)
		if err != nil {
			return fmt.Errorf("list events: %w", err)
		}
		var histories [][]eventsourcing.Record
		for _, record := range page.Records {
			if len(last) > 0 && last[0].AggregateID != record.AggregateID {
				histories, last = append(histories, last), nil
			}
			last = append(last, record)
		}
		cursor = page.Next
		if cursor == "" && len(last) > 0 {
			histories = append(histories, last)
		}
		if err := pass(histories); err != nil || cursor == "" {
			return err
		}
	}
}

// glance adds one history to what is expected. Whatever is not as it should be makes its bucket
// suspect: the aggregates of that bucket are compared one by one, see compare.
func (v *verification) glance(ctx context.Context, h *hasher, history []eventsourcing.Record) error {
	id, aggregateType, n := history[0].AggregateID, history[0].AggregateType, uint64(len(history))
	bucket := h.bucket(id)
	v.aggregates.Add(1)
	v.events.Add(n)
	v.heads.expect(bucket, h.head(id, n))
	events, wrong := []projection.Event(nil), eventsourcing.CheckHistory(history, id, 0) != nil
	if v.anyTakes(aggregateType) && !wrong {
		var broken []ports.VerifyDifference
		events, broken = v.decode(history)
		wrong = broken != nil
	}
	for _, t := range v.targets {
		if wrong || !t.takes(aggregateType) {
			continue
		}
		state, err := v.States.State(ctx, t.live(), id)
		if err != nil && !errors.Is(err, ports.ErrCorrupt) {
			return fmt.Errorf("state of %s for %s: %w", t.consumer, id, err)
		}
		wrong = err != nil || state.SequenceNumber != n
	}
	var folds map[string][]projection.Row // of views that have two generations here
	for _, t := range v.targets {
		if wrong || t.projection == nil || !t.takes(aggregateType) {
			continue
		}
		rows, known := folds[t.consumer]
		if !known {
			var err error
			rows, err = foldSafely(t.projection, v.withoutSkipped(t.consumer, events))
			if wrong = err != nil; wrong {
				continue
			}
			if t.twice {
				folds = map[string][]projection.Row{t.consumer: rows}
			}
		}
		for _, row := range rows {
			t.rows.expect(bucket, h.row(row))
		}
		v.expectedRows.Add(uint64(len(rows)))
	}
	if wrong {
		v.suspect[bucket].Store(true)
	}
	return nil
}

// scanRows reads the rows of every view.
func (v *verification) scanRows(ctx context.Context) error {
	tables, ctx := errgroup.WithContext(ctx)
	tables.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for _, t := range v.targets {
		if t.projection == nil {
			continue
		}
		tables.Go(func() error {
			h := v.hasher()
			return v.everyRow(ctx, t, func(row projection.Row) error {
				t.rows.found(h.bucket(t.owner(row)), h.row(row))
				t.count++
				v.progress.add(1)
				return nil
			})
		})
	}
	return tables.Wait()
}
