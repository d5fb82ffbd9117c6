package consumer

import (
	"context"
	"errors"
	"fmt"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Emit passes a record on towards [Consumer.Handle] and blocks while there is no room. done is to be called once, after
// Handle returned nil for the record, from any goroutine.
type Emit = func(ctx context.Context, record eventsourcing.Record, done func()) error

// Pull brings the consumer up to date and then follows the feed, until ctx ends; then it returns nil. Everything else that
// goes wrong is reported in the status and tried again.
func (c *Consumer) Pull(ctx context.Context, emit Emit) error {
	defer c.health.started()()
	failures := 0 // in a row, without a delivery in between
	for {
		err := c.protect(func() error { return c.pull(ctx, emit, func() { failures = 0 }) })
		if ctx.Err() != nil {
			return nil
		}
		failures++
		if errors.Is(err, ports.ErrOffsetExpired) || errors.Is(err, ports.ErrNoOffset) {
			c.log.Warn("the feed cannot go on from the offset, catching up from the event store", "reason", err)
			err = c.remember(ctx, true)
		}
		if err != nil {
			c.health.restarting(err, failures)
			c.log.Error("consumer loop ended, restarting it", "error", err, "failures", failures)
		}
		if c.config.Backoff.wait(ctx, nil, failures) != nil {
			return nil
		}
	}
}

// pull is one life of the loop. It calls progress when something was delivered.
func (c *Consumer) pull(ctx context.Context, emit Emit, progress func()) error {
	// What is stuck while catching up is retried beside the feed, and not beyond this life of the loop.
	ctx, cancel := context.WithCancel(ctx)
	stuck, err := c.catchUpIfDue(ctx)
	defer stuck.Wait()
	defer cancel()
	if err != nil {
		return err
	}

	subscription, err := c.config.Feed.Subscribe(ctx, c.config.Name)
	if err != nil {
		return fmt.Errorf("subscribe %s: %w", c.config.Name, err)
	}
	defer subscription.Close()
	c.health.set(ports.ConsumerRunning)

	mark := newWatermark()
	for {
		delivery, err := subscription.Next(ctx)
		if err != nil {
			return fmt.Errorf("next delivery to %s: %w", c.config.Name, err)
		}
		progress()
		done := mark.issue(delivery.Position)
		err = emit(ctx, delivery.Record, func() {
			if position, moved := done(); moved {
				c.commit(ctx, subscription, position)
			}
		})
		if err != nil {
			return fmt.Errorf("pass on a delivery to %s: %w", c.config.Name, err)
		}
	}
}

// commit saves the offset. When that fails the next one covers it, and at worst some records come again.
func (c *Consumer) commit(ctx context.Context, subscription ports.Subscription, position ports.Position) {
	err := subscription.Commit(context.WithoutCancel(ctx), position)
	if err != nil && !errors.Is(err, ports.ErrClosed) {
		c.log.Warn("offset not saved", "error", err)
	}
}

func (c *Consumer) remember(ctx context.Context, catchingUp bool) error {
	return c.config.Registry.SaveConsumer(ctx, ports.ConsumerRecord{
		Name: c.config.Name, Generation: c.config.Generation, CatchingUp: catchingUp,
	})
}
