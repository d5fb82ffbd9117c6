package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/domain/projection"
	"orderflow/ports"
)

// switchOver makes the next generation live. No record of l is in flight any more.
func (c *Consumer) switchOver(ctx context.Context, l *life) error {
	orders, all := l.untaint()
	if !all {
		return errors.New("switch: the next generation has missed too much in the meantime")
	}
	for _, id := range orders {
		err := c.withAggregate(id, func() error {
			_, err := l.next.BringUpToEnd(ctx, id)
			return err
		})
		if err != nil {
			return fmt.Errorf("switch: bring up aggregate %s: %w", id, err)
		}
	}
	record, err := c.decisions.Update(ctx, func(record *ports.ConsumerRecord) error {
		if c.config.planOf(*record) != l.plan {
			return errChanged
		}
		record.Live, record.Previous, record.Next, record.SwitchedAt = record.Next, record.Live, record.Previous, c.now()
		record.Next.Version = 0 // an even older generation is dropped
		return nil
	})
	if err != nil {
		return err
	}
	c.health.Rebuilds(func(s *ports.RebuildStatus) { s.Phase, s.Done = ports.RebuildSwitched, s.Total })
	c.log.Info("the next generation is live", "live", record.Live, "previous", record.Previous)
	c.retryAfterSwitch(ctx, record)
	return errChanged
}

// retryAfterSwitch releases aggregates that were parked for the old generation: the new one has all
// their events.
func (c *Consumer) retryAfterSwitch(ctx context.Context, record ports.ConsumerRecord) {
	for _, parked := range c.lot.All() {
		view := ports.ViewID{Consumer: c.config.Name, Generation: record.Live.Number}
		state, err := c.config.Views.State(ctx, view, parked.AggregateID)
		if err != nil || state.SequenceNumber < parked.SequenceNumber {
			continue
		}
		if err := c.lot.Unpark(ctx, parked.AggregateID); err != nil {
			c.log.Warn("aggregate stays parked until it is retried", "aggregate_id", parked.AggregateID, "error", err)
		}
	}
}

// expirePrevious ends the time in which one can roll back.
func (c *Consumer) expirePrevious(ctx context.Context, l *life) {
	timer := time.NewTimer(l.plan.SwitchedAt.Add(c.config.Grace).Sub(c.config.Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return
	}
	_, err := c.decisions.Update(ctx, func(record *ports.ConsumerRecord) error {
		if record.Previous == l.plan.Previous {
			record.Previous.Version = 0
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		c.log.Warn("the previous generation is kept longer", "error", err)
	}
}

// dropLeftovers removes generations that are over: their version is 0.
func (c *Consumer) dropLeftovers(ctx context.Context, record ports.ConsumerRecord) error {
	for _, over := range []ports.Generation{record.Next, record.Previous} {
		if over.Number == 0 || over.Version != 0 {
			continue
		}
		view := ports.ViewID{Consumer: c.config.Name, Generation: over.Number}
		tables := []*projection.Table{c.config.Table} // nobody knows which version has filled it
		for _, earlier := range c.config.Earlier {
			tables = append(tables, earlier.Table)
		}
		for _, table := range tables {
			if err := c.config.Views.DropView(ctx, view, table); err != nil {
				return fmt.Errorf("drop generation %d: %w", over.Number, err)
			}
		}
		_, err := c.decisions.Update(ctx, func(record *ports.ConsumerRecord) error {
			for _, g := range []*ports.Generation{&record.Next, &record.Previous} {
				if *g == over {
					*g = ports.Generation{}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.log.Info("dropped a generation that is over", "generation", over.Number)
		return errChanged
	}
	return nil
}
