package parking

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"orderflow/ports"
)

// Unskip takes back the decision to skip an event, and changes the view of its aggregate to what it
// is with the event.
//
// The decision is removed first. A crash in between leaves a view without the event. Verification
// finds that and repair corrects it.
func (d *Desk) Unskip(ctx context.Context, id uuid.UUID, sequence uint64) error {
	view, leave, err := d.config.Enter()
	if err != nil {
		return err
	}
	defer leave()
	return d.config.Alone(id, func() error {
		if err := d.lot.RefreshSkips(ctx, id); err != nil {
			return err
		}
		if !d.lot.Skipped(id, sequence) {
			return fmt.Errorf("skip of event %d of %s by %s: %w", sequence, id, d.config.Name, ports.ErrNotFound)
		}
		state, err := view.State(ctx, id)
		if err != nil {
			return err
		}
		passed := state.SequenceNumber >= sequence
		switch {
		case passed && d.config.Publishes:
			return &ports.RefusedError{Reason: fmt.Sprintf(
				"%s has published later events of %s already, so event %d would come too late: reset the consumer to publish again",
				d.config.Name, id, sequence)}
		case passed && !d.config.Repairable:
			return &ports.RefusedError{Reason: fmt.Sprintf(
				"the store cannot replace the rows of one aggregate in %s: the event can be brought in only by a rebuild without the skip",
				d.config.Name)}
		}
		if err := d.lot.Unskip(ctx, id, sequence); err != nil {
			return err
		}
		d.config.Logger.WarnContext(ctx, "event is not skipped any more", "aggregate_id", id, "sequence_number", sequence)
		if !passed {
			return nil
		}
		if err := view.Repair(ctx, id, nil); err != nil {
			return fmt.Errorf("event %d of %s is not skipped any more, but its effect could not be brought in; verify --repair does it: %w",
				sequence, id, err)
		}
		return nil
	})
}
