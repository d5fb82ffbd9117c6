package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"orderflow/domain/projection"
	"orderflow/ports"
)

// strayRows finds rows that belong to no aggregate. Every row that belongs to an aggregate of a
// suspect bucket was compared before. So where the keys in a bucket add up to those, there is no
// other row. Only where they do not, each row is compared with its aggregate. (During live traffic
// that is so for some rows that are in order.)
func (v *verification) strayRows(ctx context.Context) error {
	if err := v.addUpKeys(ctx); err != nil {
		return err
	}
	for _, t := range v.targets {
		if !t.rows.differs() {
			continue
		}
		if err := v.everyStray(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// addUpKeys adds up the keys of the rows in suspect buckets.
func (v *verification) addUpKeys(ctx context.Context) error {
	tables, ctx := several(ctx)
	for _, t := range v.targets {
		if t.projection == nil {
			continue
		}
		tables.Go(func() error {
			h := v.hasher()
			t.count = 0
			return v.everyRow(ctx, t, func(row projection.Row) error {
				t.count++ // the view may have moved on since the scan
				if bucket := h.bucket(t.owner(row)); v.suspect[bucket].Load() {
					t.rows.found(bucket, h.row(t.projection.Table.Key(row)))
				}
				return nil
			})
		})
	}
	return tables.Wait()
}

// everyStray compares the rows of the buckets that do not add up with their aggregates.
func (v *verification) everyStray(ctx context.Context, t *target) error {
	h := v.hasher()
	return v.everyRow(ctx, t, func(row projection.Row) error {
		if t.rows[h.bucket(t.owner(row))].Load() == 0 {
			return nil
		}
		stray, err := v.stray(ctx, t, row)
		if stray == nil || err != nil {
			return err
		}
		if v.repairer != nil && stray.AggregateID != uuid.Nil {
			if err := v.repairer.RepairAggregate(ctx, t.consumer, stray.AggregateID, []projection.Row{row}); err == nil {
				v.report.Repaired++
				return nil
			}
		}
		v.add(*stray)
		return nil
	})
}

func (v *verification) everyRow(ctx context.Context, t *target, visit func(projection.Row) error) error {
	for cursor := ports.Cursor(""); ; {
		view := t.live()
		table := t.table(view)
		listing, err := v.Rows.Rows(ctx, ports.RowQuery{View: view, Table: table, After: cursor, Limit: rowPage})
		if err != nil {
			return fmt.Errorf("list %s: %w", table.Name, err)
		}
		for _, row := range listing.Rows {
			if err := visit(row); err != nil {
				return err
			}
		}
		if cursor = listing.Next; cursor == "" {
			return nil
		}
	}
}

// stray says why row does not belong into the table. It returns nil when the row belongs there, and
// when live traffic has removed it in the meantime.
//
// A view that is applying an event has rows from before the event, from after it, or both. So a row
// belongs there if it is in the fold at the sequence number that the view had reached before the
// row was read, or at a later one up to the end of the history. The history is read last, so this
// needs no patience.
func (v *verification) stray(ctx context.Context, t *target, row projection.Row) (*ports.VerifyDifference, error) {
	p := t.projection
	id, ok := p.Table.OwnerOf(row)
	if !ok {
		return &ports.VerifyDifference{Consumer: p.Name, Detail: t.prefix + fmt.Sprintf("row %v has no %s", row, p.Table.Owner)}, nil
	}
	state, err := v.States.State(ctx, t.live(), id)
	if err != nil && !errors.Is(err, ports.ErrCorrupt) {
		return nil, fmt.Errorf("state of %s for %s: %w", p.Name, id, err)
	}
	if _, found, err := v.row(ctx, t, row); err != nil || !found {
		return nil, err
	}
	history, wrong, err := v.history(ctx, id)
	if err != nil || wrong != nil {
		return nil, err // a broken history was reported with its aggregate
	}
	for n := min(state.SequenceNumber, uint64(len(history))); n <= uint64(len(history)); n++ {
		fold, wrong := v.fold(p, v.withoutSkipped(p.Name, history[:n]))
		if wrong != "" {
			return nil, nil // that was reported with the aggregate
		}
		if slices.ContainsFunc(fold, func(want projection.Row) bool {
			return projection.SameRow(p.Table.Key(want), p.Table.Key(row))
		}) {
			return nil, nil
		}
	}
	difference := &ports.VerifyDifference{
		AggregateID: id, Consumer: p.Name,
		Detail: t.prefix + fmt.Sprintf("row %v of %s is not in the fold of its aggregate", p.Table.Key(row), p.Table.Name),
	}
	if len(history) > 0 {
		difference.AggregateType = history[0].AggregateType
	}
	return difference, nil
}
