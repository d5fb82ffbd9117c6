package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

const (
	// headPage is how many heads are read at once while catching up.
	headPage = 256
	// maxStuck bounds how many orders may be set aside while catching up. More than that is no trouble with some orders but
	// with everything, and the catch-up fails as a whole.
	maxStuck = 1_000
)

// catchUpIfDue brings every order up to its head if the consumer is new, has a new generation, or has not finished an
// earlier catch-up. The returned group retries the orders that did not work, until they do or ctx ends; it is never nil.
func (c *Consumer) catchUpIfDue(ctx context.Context) (stuck *sync.WaitGroup, err error) {
	stuck = new(sync.WaitGroup)
	record, err := c.config.Registry.Consumer(ctx, c.config.Name)
	switch {
	case errors.Is(err, ports.ErrNotFound):
	case err != nil:
		return stuck, fmt.Errorf("registry of %s: %w", c.config.Name, err)
	case record.Generation == c.config.Generation && !record.CatchingUp:
		return stuck, nil
	}

	c.health.set(ports.ConsumerCatchingUp)
	if err := c.remember(ctx, true); err != nil {
		return stuck, fmt.Errorf("registry of %s: %w", c.config.Name, err)
	}
	if err := c.config.Feed.SeekEnd(ctx, c.config.Name); err != nil {
		return stuck, fmt.Errorf("catch up %s: %w", c.config.Name, err)
	}
	before := c.health.handled.Load()
	setAside, err := c.catchUp(ctx)
	if err != nil {
		return stuck, fmt.Errorf("catch up %s: %w", c.config.Name, err)
	}
	c.log.Info("caught up from the event store", "events", c.health.handled.Load()-before, "stuck_orders", len(setAside))
	if len(setAside) == 0 {
		return stuck, c.remember(ctx, false)
	}
	stuck.Go(func() { c.bringUpStuck(ctx, setAside) })
	return stuck, nil
}

// catchUp brings every order up to its head, several at once, and returns those that did not work.
func (c *Consumer) catchUp(ctx context.Context) (setAside []ports.Head, err error) {
	var mu sync.Mutex
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(c.config.Workers)
	defer func() {
		if failure := workers.Wait(); failure != nil {
			setAside, err = nil, failure
		}
	}()
	for cursor := ports.Cursor(""); ; {
		page, err := c.config.Store.ScanHeads(ctx, cursor, headPage)
		if err != nil {
			return nil, err
		}
		for _, head := range page.Heads {
			workers.Go(func() error {
				err := c.protect(func() error { return c.bringUp(ctx, head) })
				if err == nil || ctx.Err() != nil {
					return ctx.Err()
				}
				mu.Lock()
				defer mu.Unlock()
				if setAside = append(setAside, head); len(setAside) > maxStuck {
					return fmt.Errorf("more than %d orders fail, the last one, %s, with: %w", maxStuck, head.AggregateID, err)
				}
				return nil
			})
		}
		if cursor = page.Next; cursor == "" {
			return setAside, nil
		}
	}
}

// bringUp applies what the event store holds of one order and the view does not.
func (c *Consumer) bringUp(ctx context.Context, head ports.Head) error {
	lock := c.lock(head.AggregateID)
	lock.Lock()
	defer lock.Unlock()

	state, err := c.config.Views.State(ctx, c.view, head.AggregateID)
	if err != nil || state.SequenceNumber >= head.SequenceNumber {
		return err
	}
	end := eventsourcing.Record{Header: eventsourcing.Header{AggregateID: head.AggregateID, SequenceNumber: head.SequenceNumber}}
	records, err := c.missing(ctx, end, state.SequenceNumber)
	if err != nil {
		return err
	}
	return c.apply(ctx, head.AggregateID, state, records)
}

// bringUpStuck tries heads again and again, with growing pauses between the rounds, until all are done or ctx ends.
func (c *Consumer) bringUpStuck(ctx context.Context, heads []ports.Head) {
	for attempt := c.config.FailAfter; len(heads) > 0; attempt++ { // reported at once
		if c.config.Backoff.wait(ctx, nil, attempt) != nil {
			return
		}
		var remaining []ports.Head
		for _, head := range heads {
			if err := c.protect(func() error { return c.bringUp(ctx, head) }); err != nil {
				c.stuck(head.AggregateID, head.SequenceNumber, attempt, err)
				remaining = append(remaining, head)
			} else {
				c.flows(head.AggregateID, head.SequenceNumber)
			}
		}
		heads = remaining
	}
	if err := c.remember(ctx, false); err != nil && ctx.Err() == nil {
		c.log.Warn("catch-up is complete but could not be noted, the next start repeats it", "error", err)
	}
}
