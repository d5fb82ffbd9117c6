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

// strayRows finds rows that belong to no aggregate. Every row that belongs to an aggregate was
// found before. So when the table has as many rows as those, there is no other. Only when the
// counts differ, each row is compared with its aggregate. (During live traffic a stray row and a
// row that was just removed may cancel out. The next verification finds the stray row.)
func (v *verification) strayRows(ctx context.Context, p *projection.Projection) error {
	var count uint64
	err := v.everyRow(ctx, p, func(projection.Row) error { count++; return nil })
	v.report.Rows += count
	if err != nil || count == v.expected[p.Name] {
		return err
	}
	return v.everyRow(ctx, p, func(row projection.Row) error {
		stray, err := v.stray(ctx, p, row)
		if stray == nil || err != nil {
			return err
		}
		if v.repairer != nil && stray.AggregateID != uuid.Nil {
			if err := v.repairer.RepairAggregate(ctx, p.Name, stray.AggregateID, []projection.Row{row}); err == nil {
				v.report.Repaired++
				return nil
			}
		}
		v.add(*stray)
		return nil
	})
}

func (v *verification) everyRow(ctx context.Context, p *projection.Projection, visit func(projection.Row) error) error {
	for cursor := ports.Cursor(""); ; {
		listing, err := v.Rows.Rows(ctx, ports.RowQuery{
			View: v.Live.LiveView(p.Name), Table: p.Table, After: cursor, Limit: page,
		})
		if err != nil {
			return fmt.Errorf("list %s: %w", p.Table.Name, err)
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
func (v *verification) stray(
	ctx context.Context, p *projection.Projection, row projection.Row,
) (*ports.VerifyDifference, error) {
	id, ok := p.Table.OwnerOf(row)
	if !ok {
		return &ports.VerifyDifference{Consumer: p.Name, Detail: fmt.Sprintf("row %v has no %s", row, p.Table.Owner)}, nil
	}
	state, err := v.States.State(ctx, v.Live.LiveView(p.Name), id)
	if err != nil && !errors.Is(err, ports.ErrCorrupt) {
		return nil, fmt.Errorf("state of %s for %s: %w", p.Name, id, err)
	}
	if _, found, err := v.row(ctx, p, row); err != nil || !found {
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
		if slices.ContainsFunc(fold.Put, func(want projection.Row) bool {
			return projection.SameRow(p.Table.Key(want), p.Table.Key(row))
		}) {
			return nil, nil
		}
	}
	difference := &ports.VerifyDifference{
		AggregateID: id, Consumer: p.Name,
		Detail: fmt.Sprintf("row %v of %s is not in the fold of its aggregate", p.Table.Key(row), p.Table.Name),
	}
	if len(history) > 0 {
		difference.AggregateType = history[0].AggregateType
	}
	return difference, nil
}
