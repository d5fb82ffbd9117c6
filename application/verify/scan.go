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

// errUnsteady says that too much has changed since the histories were read ahead.
var errUnsteady = errors.New("too many aggregates have moved on")

// scan reads everything once, in the order in which it is stored, and finds out in which buckets
// something differs. It folds each history once for all views, unless that was done ahead.
func (v *verification) scan(ctx context.Context) error {
	v.progress.begin(ports.VerifyHeads, v.aggregates.Load())
	if err := v.scanHeads(ctx); err != nil {
		return err
	}
	if v.ahead {
		v.size(v.aggregates.Load())
		v.suspectWhere(v.heads)
		if v.suspects() > v.buckets/mostUnsteady {
			return errUnsteady
		}
	} else {
		v.size(v.progress.done.Load())
		v.makeDigests()
		v.progress.begin(ports.VerifyEvents, v.progress.done.Load())
		if err := v.scanEvents(ctx); err != nil {
			return err
		}
	}
	v.progress.begin(ports.VerifyRows, v.expectedRows.Load())
	if err := v.scanViews(ctx); err != nil {
		return err
	}
	v.suspectWhere(v.heads)
	for _, t := range v.targets {
		v.suspectWhere(t.rows)
		v.suspectWhere(t.states)
	}
	return nil
}

// mostUnsteady is the share of the buckets, as its inverse, that may be suspect because of events
// that were stored after a history was read ahead. Reading all histories again costs less than
// comparing more than that one by one.
const mostUnsteady = 16

// size adapts all digests to a number of aggregates.
func (v *verification) size(aggregates uint64) {
	v.buckets = bucketsFor(aggregates)
	v.heads = v.heads.shrunk(v.buckets)
	suspect := make([]atomic.Bool, v.buckets)
	for bucket := range v.suspect {
		if v.suspect[bucket].Load() {
			suspect[bucket%v.buckets].Store(true)
		}
	}
	v.suspect = suspect
	for _, t := range v.targets {
		t.rows, t.states = t.rows.shrunk(v.buckets), t.states.shrunk(v.buckets)
	}
}

// makeDigests makes the digests of the targets.
func (v *verification) makeDigests() {
	for _, t := range v.targets {
		if t.projection != nil {
			t.rows = make(digest, v.buckets)
		}
		if v.Lister != nil {
			t.states = make(digest, v.buckets)
		}
	}
}

// suspectWhere makes the buckets suspect in which a digest differs.
func (v *verification) suspectWhere(d digest) {
	for bucket := range d {
		if d[bucket].Load() != 0 {
			v.suspect[bucket].Store(true)
		}
	}
}

// hasher returns a hasher for one goroutine.
func (v *verification) hasher() *hasher { return newHasher(v.seed, v.buckets) }

func (v *verification) scanHeads(ctx context.Context) error {
	h := v.hasher()
	return v.everyHeadPage(ctx, func(heads []ports.Head) error {
		for _, head := range heads {
			if !v.ahead || v.anyTakes(head.AggregateType) { // only those were expected
				v.heads.found(h.bucket(head.AggregateID), h.head(head.AggregateID, head.SequenceNumber))
			}
		}
		v.progress.add(len(heads))
		return nil
	})
}

func (v *verification) everyHeadPage(ctx context.Context, visit func([]ports.Head) error) error {
	for cursor := ports.Cursor(""); ; {
		page, err := v.Store.ScanHeads(ctx, cursor, headPage)
		if err != nil {
			return fmt.Errorf("list aggregates: %w", err)
		}
		if err := visit(page.Heads); err != nil {
			return err
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
		if v.Lister != nil {
			t.states.expect(bucket, h.head(id, n))
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

// several returns a group that does as much at once as there are processors.
func several(ctx context.Context) (*errgroup.Group, context.Context) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	return group, ctx
}

// scanViews reads the states and the rows of every target.
func (v *verification) scanViews(ctx context.Context) error {
	scans, ctx := several(ctx)
	for _, t := range v.targets {
		if t.projection != nil {
			scans.Go(func() error {
				h := v.hasher()
				return v.everyRow(ctx, t, func(row projection.Row) error {
					t.rows.found(h.bucket(t.owner(row)), h.row(row))
					t.count++
					v.progress.add(1)
					return nil
				})
			})
		}
		if v.Lister != nil {
			scans.Go(func() error { return v.scanStates(ctx, t) })
		}
	}
	return scans.Wait()
}

// scanStates reads how far a target is.
func (v *verification) scanStates(ctx context.Context, t *target) error {
	h := v.hasher()
	for cursor := ports.Cursor(""); ; {
		page, err := v.Lister.ListStates(ctx, t.live(), cursor, rowPage)
		if err != nil {
			return fmt.Errorf("list the states of %s: %w", t.consumer, err)
		}
		for _, s := range page.States {
			t.states.found(h.bucket(s.AggregateID), h.head(s.AggregateID, s.SequenceNumber))
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}
