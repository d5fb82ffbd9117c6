package consumer

import (
	"context"
	"fmt"

	"orderflow/ports"
)

// refuseWithoutTable is for consumers without a table: only a table can be rebuilt.
func (c *Consumer) refuseWithoutTable() error {
	if c.config.Table != nil {
		return nil
	}
	return &ports.RefusedError{Reason: fmt.Sprintf("consumer %s fills no table: there is nothing to rebuild; to publish again, reset it", c.config.Name)}
}

// Rebuild starts a rebuild.
func (c *Consumer) Rebuild(ctx context.Context, request ports.RebuildRequest) error {
	if err := c.refuseWithoutTable(); err != nil {
		return err
	}
	if c.life.Load() == nil {
		return c.notHere()
	}
	if status := c.health.Status().Rebuild; status != nil && status.Phase == ports.RebuildRefused && status.Generation == c.decisions.Record().Next {
		c.wishes.Wish(request)
		return nil
	}
	return c.begin(ctx, request, func(record *ports.ConsumerRecord) error {
		if record.Next.Number != 0 {
			return &ports.RefusedError{Reason: fmt.Sprintf("generation %d of %s is being built or dropped already", record.Next.Number, c.config.Name)}
		}
		record.Next = ports.Generation{Number: int(record.Revision) + 1, Version: c.config.Version}
		return nil
	})
}

// begin changes the record so that there is a next generation, which this process is then to build as it was asked to: where all
// processes work as the consumer it takes the lease first, which its next life needs.
func (c *Consumer) begin(ctx context.Context, request ports.RebuildRequest, change func(*ports.ConsumerRecord) error) error {
	if c.config.Shared && c.lease != nil {
		if err := c.lease.Try(ctx); err != nil {
			return err
		}
	}
	if _, err := c.decisions.Update(ctx, change); err != nil {
		return err // the lease is let go by the next life, or runs out
	}
	c.wishes.Wish(request)
	return nil
}

// AbortRebuild ends a rebuild and drops what it has filled.
func (c *Consumer) AbortRebuild(ctx context.Context) error {
	_, err := c.decisions.Update(ctx, func(record *ports.ConsumerRecord) error {
		switch {
		case record.Next.Number == 0:
			return &ports.RefusedError{Reason: fmt.Sprintf("there is no rebuild of %s", c.config.Name)}
		case record.Live.Version != c.config.Version:
			return &ports.RefusedError{Reason: fmt.Sprintf(
				"the live generation of %s cannot be kept up to date by this version of the program: the rebuild has to be completed", c.config.Name)}
		}
		record.Next.Version = 0
		return nil
	})
	if err == nil {
		c.health.Rebuilds(func(s *ports.RebuildStatus) { s.Phase = ports.RebuildAborted })
	}
	return err
}

// Rollback makes the previous generation live again: it becomes the next one, is brought up to date, and is switched to.
func (c *Consumer) Rollback(ctx context.Context) error {
	if err := c.refuseWithoutTable(); err != nil {
		return err
	}
	if c.life.Load() == nil {
		return c.notHere()
	}
	return c.begin(ctx, ports.RebuildRequest{SkipVerification: true}, func(record *ports.ConsumerRecord) error {
		switch {
		case record.Next.Number != 0:
			return &ports.RefusedError{Reason: fmt.Sprintf("generation %d of %s is being built or dropped: abort that first", record.Next.Number, c.config.Name)}
		case record.Previous.Number == 0 || record.Previous.Version == 0:
			return &ports.RefusedError{Reason: fmt.Sprintf("%s has no previous generation any more", c.config.Name)}
		case record.Previous.Version != c.config.Version:
			return &ports.RefusedError{Reason: fmt.Sprintf(
				"the previous generation of %s was filled by version %d of the reducer, and this program has version %d: start the program that has that version, and it goes back by itself",
				c.config.Name, record.Previous.Version, c.config.Version)}
		}
		record.Next, record.Previous = record.Previous, ports.Generation{}
		return nil
	})
}
