package filling

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"orderflow/domain/projection"
)

// Repair changes what the view has of one aggregate to what its events say. stray are rows of the
// aggregate that do not follow from the events; they are removed. An aggregate without events is
// removed. A view without rows is only brought up to the last event.
//
// Repair returns *ports.RefusedError where the store cannot replace rows.
func (v *View) Repair(ctx context.Context, aggregateID uuid.UUID, stray []projection.Row) error {
	if v.config.Table == nil {
		_, err := v.BringUpToEnd(ctx, aggregateID)
		return err
	}
	if v.config.Repairer == nil {
		return v.irreplaceable()
	}
	// The state is read first. If the view moves on meanwhile, it is no longer at that state, and
	// nothing is replaced.
	at, err := v.stored(ctx, aggregateID)
	if err != nil {
		return err
	}
	records, err := v.missing(ctx, aggregateID, 0, 0)
	if err != nil {
		return err
	}
	change, _, err := v.perform(ctx, stand{}, v.effective(records))
	if err != nil {
		return err
	}
	change.AggregateID, change.State.SequenceNumber, change.Table = aggregateID, uint64(len(records)), v.config.Table
	for _, row := range stray {
		if !holds(v.config.Table, change.Put, row) && !holds(v.config.Table, change.Delete, row) {
			change.Delete = append(change.Delete, row)
		}
	}
	return v.config.Repairer.Replace(ctx, v.config.View, change, at.sequence)
}

// holds reports whether one of rows has the key of row.
func holds(table *projection.Table, rows []projection.Row, row projection.Row) bool {
	return slices.ContainsFunc(rows, func(r projection.Row) bool { return projection.SameRow(table.Key(r), table.Key(row)) })
}
