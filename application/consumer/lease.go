package consumer

import (
	"context"
	"time"

	"orderflow/application/lease"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// hold runs work while this process holds the consumer's lease. Where there are no leases, or where
// the work may be shared, work runs without one.
func (c *Consumer) hold(ctx context.Context, work func(context.Context) error) error {
	c.alone = false
	if c.lease == nil {
		return work(ctx)
	}
	if c.config.Shared {
		record, err := c.plan(ctx)
		if err != nil {
			return err
		}
		if !c.wantsLease(record) {
			return work(ctx)
		}
	}
	return c.lease.Hold(ctx, func(ctx context.Context, epoch uint64) error {
		c.alone = true
		c.epoch.Store(epoch)
		return work(ctx)
	})
}

// wantsLease reports whether a life on this record is for one process only. It always is, unless
// the consumer is shared. Then it is so while the consumer catches up, which sets the end of the
// feed for all, and while a generation is built, which must get every event.
func (c *Consumer) wantsLease(record ports.ConsumerRecord) bool {
	return c.lease != nil && (!c.config.Shared || record.CatchingUp || record.Next.Number != 0)
}

const (
	// handOverPause is how long a process that cannot read an event stays away from the lease, so
	// that another one can take it.
	handOverPause = 3 * lease.StandbyPoll
	// handOverEvery bounds how often it does so. If no other process can read the event either, the
	// work continues here.
	handOverEvery = 10 * time.Minute
)

// mayHandOver reports whether another process may be able to take over what this one cannot read.
func (c *Consumer) mayHandOver() bool {
	return c.alone && !c.config.Shared && (c.handedOver.IsZero() || c.config.Now().Sub(c.handedOver) >= handOverEvery)
}

// makeWay lets another process take the lease.
func (c *Consumer) makeWay(ctx context.Context) error {
	c.handedOver = c.config.Now()
	c.log.Warn("an event is of a newer version than this program knows; the lease is left to another process",
		"for", handOverPause)
	return portkit.Sleep(ctx, handOverPause)
}
