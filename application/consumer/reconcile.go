package consumer

import (
	"context"

	"github.com/google/uuid"

	"orderflow/application/filling"
	"orderflow/application/reconcile"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// checked is the consumer as the background check sees it.
type checked struct{ *Consumer }

var _ reconcile.Subject = checked{}

// following returns the life that follows the feed in this process.
func (c *Consumer) following() (*life, error) {
	l := c.life.Load()
	if l == nil || l.live == nil || !l.is(func() bool { return l.following && !l.closed }) {
		return nil, reconcile.ErrNotFollowing
	}
	return l, nil
}

// Walk implements [reconcile.Subject].
func (c checked) Walk(ctx context.Context) (filling.Walk, error) {
	l, err := c.following()
	if err != nil {
		return filling.Walk{}, err
	}
	place, err := c.place(ctx, walkReconcile, l.plan.Live)
	return c.walk(place), err
}

// Behind implements [reconcile.Subject]. A parked aggregate is not behind.
func (c checked) Behind(ctx context.Context, head ports.Head) (bool, error) {
	l, err := c.following()
	if err != nil {
		return false, err
	}
	state, err := l.live.State(ctx, head.AggregateID)
	return err == nil && state.SequenceNumber < head.SequenceNumber && !c.lot.Has(head.AggregateID), err
}

// BringUp implements [reconcile.Subject]. The end of the life waits for it.
func (c checked) BringUp(ctx context.Context, head ports.Head) error {
	l, err := c.following()
	if err != nil {
		return err
	}
	if !l.enter() {
		return reconcile.ErrNotFollowing
	}
	defer l.leave(0)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.aborted, cancel)()
	before := c.health.Handled.Load()
	if err := c.catchUp(ctx, l, head); err != nil {
		return err
	}
	if c.health.Handled.Load() > before {
		c.health.Reconciled.Add(1)
		c.log.Warn("aggregate was behind although the feed had passed it, and is brought up",
			"aggregate_id", head.AggregateID, "sequence_number", head.SequenceNumber)
	}
	return nil
}

// RepairAggregate changes what the live view has of one aggregate to what its events say. stray are
// rows that do not follow from the events; they are removed.
func (c *Consumer) RepairAggregate(ctx context.Context, id uuid.UUID, stray []projection.Row) error {
	view, leave, err := c.enter()
	if err != nil {
		return err
	}
	defer leave()
	return c.withAggregate(id, func() error {
		if parked, ok := c.lot.Get(id); ok {
			return &ports.StillParkedError{Parked: parked}
		}
		if err := view.Repair(ctx, id, stray); err != nil {
			return err
		}
		c.log.Warn("aggregate was repaired in the view", "aggregate_id", id)
		return nil
	})
}
