package consumer

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// headPage is how many heads are read at once.
const headPage = 256

// plan reads what is noted about the consumer, and settles what follows from the version of the effect.
func (c *Consumer) plan(ctx context.Context) (ports.ConsumerRecord, error) {
	return c.update(ctx, func(record *ports.ConsumerRecord) error {
		version := c.config.Version
		switch {
		case record.Live.Version == version:
		case c.config.Table == nil: // nobody reads what a publisher keeps
			record.Live.Version = version
		case record.Next.Number != 0 && record.Next.Version == version: // on its way
		case record.Previous.Number != 0 && record.Previous.Version == version: // the program was rolled back
			c.log.Warn("the live generation is of another version of the reducer, going back to the previous one",
				"live", record.Live, "next", record.Previous)
			record.Next, record.Previous = record.Previous, record.Next
		case record.Next.Number != 0: // of a third version: it must be dropped first
			record.Next.Version = 0
		default:
			record.Next = ports.Generation{Number: int(record.Revision) + 1, Version: version}
			c.log.Warn("the live generation is of another version of the reducer and is served as it is while the next one is built",
				"live", record.Live, "next", record.Next)
		}
		return nil
	})
}

// noteCatchUp asks the next life to catch up.
func (c *Consumer) noteCatchUp(ctx context.Context) error {
	_, err := c.update(ctx, func(record *ports.ConsumerRecord) error {
		record.CatchingUp = true
		return nil
	})
	return err
}

// catchUpIfDue brings every order up to its head if the consumer is new, was reset, has lost its place in the feed, or has not
// finished an earlier catch-up. The offset moves before the first read of history.
func (c *Consumer) catchUpIfDue(ctx context.Context, l *life) error {
	if !c.notes.record().CatchingUp {
		return nil
	}
	c.health.catchingUp()
	if err := c.config.Feed.SeekEnd(ctx, c.config.Name); err != nil {
		return fmt.Errorf("catch up %s: %w", c.config.Name, err)
	}
	before := c.health.handled.Load()
	if l.live != nil {
		err := c.everyOrder(ctx, func(head ports.Head) error { return c.catchUp(ctx, l, head) })
		if err != nil {
			return fmt.Errorf("catch up %s: %w", c.config.Name, err)
		}
	}
	// What an expired offset has cost the next generation, its builder brings in: it looks at every order once more.
	_, err := c.update(ctx, func(record *ports.ConsumerRecord) error {
		if c.config.planOf(*record) != l.plan {
			return errChanged
		}
		record.CatchingUp = false
		return nil
	})
	if err == nil {
		c.log.Info("caught up from the event store", "events", c.health.handled.Load()-before, "parked_orders", c.parked.count())
	}
	return err
}

// everyOrder calls work for every head in the event store, for several at once. The first error ends it.
func (c *Consumer) everyOrder(ctx context.Context, work func(ports.Head) error) error {
	return spread(ctx, c.config.Workers, work, c.listHeads)
}

// listHeads emits the head of every aggregate in the event store that the consumer takes.
func (c *Consumer) listHeads(ctx context.Context, emit func(ports.Head) error) error {
	for cursor := ports.Cursor(""); ; {
		page, err := c.config.Store.ScanHeads(ctx, cursor, headPage)
		if err != nil {
			return err
		}
		for _, head := range page.Heads {
			if !c.config.takes(head.AggregateType) {
				continue
			}
			if err := emit(head); err != nil {
				return err
			}
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

// spread has workers do the work on everything that list emits. The first error ends it.
func spread[T any](ctx context.Context, workers int, work func(T) error, list func(context.Context, func(T) error) error) error {
	all, ctx := errgroup.WithContext(ctx)
	due := make(chan T)
	all.Go(func() error {
		defer close(due)
		return list(ctx, func(t T) error {
			select {
			case due <- t:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	for range workers { // which keep their stacks: they grow with the first order
		all.Go(func() error {
			for t := range due {
				if err := work(t); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return all.Wait()
}

// catchUp brings one order up to its head. One that fails again and again is parked.
func (c *Consumer) catchUp(ctx context.Context, l *life, head ports.Head) error {
	for attempt := 1; ; attempt++ {
		err := c.withOrder(head.AggregateID, func() error {
			if c.parked.has(head.AggregateID) {
				return nil
			}
			advanced, err := l.live.bringUp(ctx, head)
			c.health.handled.Add(uint64(advanced))
			return err
		})
		if err == nil || transient(err) {
			if attempt > 1 && err == nil {
				c.flows(ctx, head.AggregateID, head.SequenceNumber)
			}
			return err
		}
		end := eventsourcing.Record{Header: eventsourcing.Header{AggregateID: head.AggregateID, SequenceNumber: head.SequenceNumber}}
		if attempt >= c.config.ParkAfter {
			return c.park(ctx, l, end, attempt, err)
		}
		c.stuck(ctx, head.AggregateID, failing(err, end).SequenceNumber, attempt, err)
		if err := c.config.Backoff.wait(ctx, nil, attempt); err != nil {
			return err
		}
	}
}
