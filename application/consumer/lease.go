package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"orderflow/ports"
	"orderflow/ports/portkit"
)

// standbyPoll is how often a process that stands by tries to take the lease over.
const standbyPoll = time.Second

// hold runs work while this process holds the consumer's lease. The context of work ends with errLeaseLost in time before
// somebody else may have it. Where there are no leases, or what is to be done may be shared, work just runs.
func (c *Consumer) hold(ctx context.Context, work func(context.Context) error) error {
	c.alone = false
	if c.config.Leases == nil {
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
	current, err := c.acquire(ctx)
	if err != nil {
		return err
	}
	c.alone = true
	c.epoch.Store(current.epoch)
	held, lose := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { c.renew(held, current, lose) })
	err = work(held)
	lose(nil)
	renewing.Wait()

	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.LeaseTTL)
	defer cancel()
	if err := c.config.Leases.ReleaseLease(release, c.config.Name, c.config.Owner); err != nil {
		c.log.Warn("lease not given back, others wait until it expires", "error", err)
	}
	return err
}

// wantsLease says whether a life on this record is for one process only: always, unless the consumer is shared; then while it
// catches up, as the end of the feed is set for all, and while a generation is built, as it must get every event.
func (c *Consumer) wantsLease(record ports.ConsumerRecord) bool {
	return c.config.Leases != nil && (!c.config.Shared || record.CatchingUp || record.Next.Number != 0)
}

// lease is a lease that this process holds: its epoch, and a moment at which it had not begun to run out.
type lease struct {
	epoch uint64
	since time.Time
}

// acquire waits until the lease is ours.
func (c *Consumer) acquire(ctx context.Context) (lease, error) {
	for {
		current, err := c.tryLease(ctx)
		held := (*ports.LeaseHeldError)(nil)
		if !errors.As(err, &held) {
			return current, err
		}
		c.health.Standby(held.Owner)
		timer := time.NewTimer(standbyPoll)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return lease{}, ctx.Err()
		}
	}
}

// tryLease takes or renews the lease once.
func (c *Consumer) tryLease(ctx context.Context) (lease, error) {
	since := c.config.Now()
	ctx, cancel := context.WithTimeout(ctx, c.config.LeaseTTL/2)
	defer cancel()
	epoch, err := c.config.Leases.AcquireLease(ctx, c.config.Name, c.config.Owner, c.config.LeaseTTL)
	if err != nil {
		return lease{}, fmt.Errorf("lease of %s: %w", c.config.Name, err)
	}
	return lease{epoch, since}, nil
}

// renew renews the lease until ctx ends. It counts as lost when somebody else holds it or has held it, and while it still
// protects when renewing has not worked for half of its time.
func (c *Consumer) renew(ctx context.Context, current lease, lose context.CancelCauseFunc) {
	tick := time.NewTicker(c.config.LeaseTTL / 8)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		renewed, err := c.tryLease(ctx)
		held := (*ports.LeaseHeldError)(nil)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && renewed.epoch == current.epoch:
			current = renewed
			continue
		case errors.As(err, &held):
			c.health.Standby(held.Owner)
		case err != nil && c.config.Now().Sub(current.since) < c.config.LeaseTTL/2:
			continue
		}
		c.log.Warn("the lease is lost", "epoch", current.epoch, "error", err)
		lose(errLeaseLost)
		return
	}
}

const (
	// handOverPause is how long a process that cannot read an event stays away from the lease, so that another one can take it.
	handOverPause = 3 * standbyPoll
	// handOverEvery bounds how often it does so: where no other process can read the event either, the work goes on here.
	handOverEvery = 10 * time.Minute
)

// mayHandOver says whether another process might take over what this one cannot read.
func (c *Consumer) mayHandOver() bool {
	return c.alone && !c.config.Shared && (c.handedOver.IsZero() || c.config.Now().Sub(c.handedOver) >= handOverEvery)
}

// makeWay lets another process take the lease.
func (c *Consumer) makeWay(ctx context.Context) error {
	c.handedOver = c.config.Now()
	c.log.Warn("an event is of a newer version than this program knows; the lease is left to another process", "for", handOverPause)
	return portkit.Sleep(ctx, handOverPause)
}
