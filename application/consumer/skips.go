package consumer

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"orderflow/ports"
)

// ListSkips lists the events that the consumer passes over, whichever process works as it.
func (c *Consumer) ListSkips(ctx context.Context, q ports.SkipQuery) (ports.SkipPage, error) {
	return c.lot.ListSkips(ctx, q)
}

// Unskip takes back the decision to pass over an event, and makes the view of its aggregate what it is with the event.
//
// The decision goes first. A crash in between leaves a view without the event, which verification finds and repair mends.
func (c *Consumer) Unskip(ctx context.Context, id uuid.UUID, sequence uint64) error {
	l := c.life.Load()
	if l == nil || l.live == nil || !l.enter() {
		return c.notHere()
	}
	defer l.leave(0)
	return c.withAggregate(id, func() error {
		if err := c.lot.RefreshSkips(ctx, id); err != nil {
			return err
		}
		if !c.lot.Skipped(id, sequence) {
			return fmt.Errorf("skip of event %d of %s by %s: %w", sequence, id, c.config.Name, ports.ErrNotFound)
		}
		state, err := l.live.State(ctx, id)
		if err != nil {
			return err
		}
		passed := state.SequenceNumber >= sequence
		switch {
		case passed && c.config.Table == nil:
			return &ports.RefusedError{Reason: fmt.Sprintf(
				"%s has published later events of %s already, so event %d would come too late: reset the consumer to publish again",
				c.config.Name, id, sequence)}
		case passed && c.config.Repairer == nil:
			return &ports.RefusedError{Reason: fmt.Sprintf(
				"the store cannot replace the rows of one aggregate in %s: the event can be brought in only by a rebuild without the skip",
				c.config.Name)}
		}
		if err := c.lot.Unskip(ctx, id, sequence); err != nil {
			return err
		}
		c.log.WarnContext(ctx, "event is not skipped any more", "aggregate_id", id, "sequence_number", sequence)
		if !passed {
			return nil
		}
		if err := l.live.Repair(ctx, id, nil); err != nil {
			return fmt.Errorf("event %d of %s is not skipped any more, but its effect could not be brought in; verify --repair does it: %w",
				sequence, id, err)
		}
		return nil
	})
}
