package filling

import (
	"context"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// TakeAll does what [View.Take] does for the complete histories of several aggregates. All effects
// go to the view store in one call. After an error, some of them may have happened. Then the caller
// takes the histories one by one: that is safe, and shows which one fails.
func (v *View) TakeAll(ctx context.Context, histories [][]eventsourcing.Record) error {
	changes := make([]ports.Change, 0, len(histories))
	for _, history := range histories {
		id := history[0].AggregateID
		if err := check(history, id, 0); err != nil {
			return err
		}
		at, err := v.stored(ctx, id)
		if err != nil {
			return err
		}
		if at.sequence >= uint64(len(history)) {
			continue
		}
		change, _, err := v.change(ctx, id, at, history[at.sequence:])
		if err != nil {
			return err
		}
		changes = append(changes, change)
	}
	return v.store(ctx, changes...)
}

// BringUpAll does what [View.BringUp] does for several aggregates, and returns how many events it
// has applied. All effects go to the view store in one call. After an error, some of them may have
// happened. Then the caller brings the aggregates up one by one.
func (v *View) BringUpAll(ctx context.Context, heads []ports.Head) (advanced int, err error) {
	changes := make([]ports.Change, 0, len(heads))
	for _, head := range heads {
		at, err := v.stored(ctx, head.AggregateID)
		if err != nil {
			return 0, err
		}
		if at.sequence >= head.SequenceNumber {
			continue
		}
		records, err := v.missing(ctx, head.AggregateID, at.sequence, head.SequenceNumber)
		if err != nil {
			return 0, err
		}
		change, _, err := v.change(ctx, head.AggregateID, at, records)
		if err != nil {
			return 0, err
		}
		changes, advanced = append(changes, change), advanced+len(records)
	}
	return advanced, v.store(ctx, changes...)
}
