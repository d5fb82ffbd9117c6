package consumer

import (
	"context"

	"orderflow/ports"
)

// Rebuild starts a rebuild.
func (c *Consumer) Rebuild(ctx context.Context, request ports.RebuildRequest) error {
	if err := c.subject.RefuseWithoutTable(); err != nil {
		return err
	}
	if c.life.Load() == nil {
		return c.notHere()
	}
	if status := c.health.Status().Rebuild; status != nil && status.Phase == ports.RebuildRefused &&
		status.Generation == c.decisions.Record().Next {
		c.wishes.Wish(request)
		return nil
	}
	return c.begin(ctx, request, c.subject.Rebuild)
}

// begin changes the record so that there is a next generation, which this process then builds as
// requested. Where all processes work as the consumer, it takes the lease first, which its next
// life needs.
func (c *Consumer) begin(ctx context.Context, request ports.RebuildRequest, change func(*ports.ConsumerRecord) error) error {
	if c.config.Shared && c.lease != nil {
		if err := c.lease.Try(ctx); err != nil {
			return err
		}
	}
	if _, err := c.decisions.Update(ctx, change); err != nil {
		return err // the next life releases the lease, or it expires
	}
	c.wishes.Wish(request)
	return nil
}

// AbortRebuild ends a rebuild and drops what it has filled.
func (c *Consumer) AbortRebuild(ctx context.Context) error {
	_, err := c.decisions.Update(ctx, c.subject.Abort)
	if err == nil {
		c.health.Rebuilds(func(s *ports.RebuildStatus) { s.Phase = ports.RebuildAborted })
	}
	return err
}

// Rollback makes the previous generation live again: it becomes the next one, is brought up to
// date, and is switched to.
func (c *Consumer) Rollback(ctx context.Context) error {
	if err := c.subject.RefuseWithoutTable(); err != nil {
		return err
	}
	if c.life.Load() == nil {
		return c.notHere()
	}
	return c.begin(ctx, ports.RebuildRequest{SkipVerification: true}, c.subject.Rollback)
}
