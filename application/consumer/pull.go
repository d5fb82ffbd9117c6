package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"orderflow/application/lease"
	"orderflow/application/reconcile"
	"orderflow/application/watermark"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Emit passes a record on towards [Consumer.Handle] and blocks while there is no room. done must be
// called once, after Handle returned nil for the record, from any goroutine.
type Emit = func(ctx context.Context, record eventsourcing.Record, done func()) error

// The causes with which a life ends although nothing is wrong.
var (
	errChanged  = errors.New("the consumer's plan has changed")
	errHalted   = errors.New("the consumer has stopped itself")
	errSwitch   = errors.New("the next generation is complete")
	errOver     = errors.New("the life is over")
	errHandOver = errors.New("an event is of a newer version: another process may be able to read it")
)

// Pull brings the consumer up to date and then follows the feed, until ctx ends; then it returns
// nil. Every other failure is shown in the status and retried.
func (c *Consumer) Pull(ctx context.Context, emit Emit) error {
	defer c.health.Set(ports.ConsumerStopped)
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { c.decisions.Watch(ctx, c.config.Poll) })
	beside.Go(func() {
		reconcile.New(reconcile.Config{
			Subject: checked{c}, Every: c.config.ReconcileEvery, Rate: c.config.ReconcileRate,
			Backoff: c.config.Backoff, Now: c.config.Now, Logger: c.log,
		}).Run(ctx)
	})

	failures := 0 // in a row, without a delivery in between
	for {
		err := c.protect(func() error {
			return c.hold(ctx, func(ctx context.Context) error { return c.live(ctx, emit, func() { failures = 0 }) })
		})
		if ctx.Err() != nil {
			return nil
		}
		switch {
		case errors.Is(err, errChanged), errors.Is(err, errHalted), errors.Is(err, lease.ErrLost):
			failures = 0
			continue
		case errors.Is(err, errHandOver):
			if failures = 0; c.makeWay(ctx) != nil {
				return nil
			}
			continue
		case errors.Is(err, ports.ErrOffsetExpired), errors.Is(err, ports.ErrNoOffset):
			c.log.Warn("the feed cannot continue at the offset, catching up from the event store", "reason", err)
			if errors.Is(err, ports.ErrOffsetExpired) {
				c.health.Expire()
			}
			if err = c.noteCatchUp(ctx); err == nil {
				continue
			}
		}
		failures++
		c.health.Restarting(err, failures)
		c.log.Error("consumer loop ended, restarting it", "error", err, "failures", failures)
		if c.config.Backoff.Wait(ctx, nil, failures) != nil {
			return nil
		}
	}
}

// live is one life: it ends when the plan changes, when ctx ends, or with an error. It calls
// progress when something was delivered.
func (c *Consumer) live(ctx context.Context, emit Emit, progress func()) error {
	changed := c.decisions.Next()
	record, err := c.plan(ctx)
	if err != nil {
		return err
	}
	if c.alone != c.wantsLease(record) {
		return errChanged
	}
	if err := c.dropLeftovers(ctx, record); err != nil {
		return err
	}
	if record.Paused || c.health.Halted() {
		return c.rest(ctx, record, changed)
	}
	if err := c.lot.Load(ctx); err != nil {
		return err
	}

	living, end := context.WithCancelCause(ctx)
	defer end(errOver)
	l := c.newLife(record, living.Done())
	if l.next != nil {
		if l.filled, err = c.place(ctx, walkFill, record.Next); err != nil {
			return err
		}
	}
	if c.mayHandOver() {
		l.newer = func() { end(errHandOver) }
	}
	c.life.Store(l)
	var beside sync.WaitGroup // what runs beside the delivery
	beside.Go(func() { c.endOnChange(living, l, end) })
	err = c.follow(living, ctx, l, emit, progress, &beside, end)
	if cause := context.Cause(living); !errors.Is(cause, errOver) {
		err = cause // the cause matters more than the errors that it led to
	}
	beside.Wait()
	c.health.GivenUp()
	if errors.Is(err, errSwitch) {
		return c.switchOver(ctx, l)
	}
	return err
}

// rest waits while the consumer has nothing to do.
func (c *Consumer) rest(ctx context.Context, record ports.ConsumerRecord, changed <-chan struct{}) error {
	if record.Paused {
		c.health.Set(ports.ConsumerPaused)
	} else {
		c.health.Set(ports.ConsumerFailed)
	}
	select {
	case <-changed:
		return errChanged
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// endOnChange ends a life whose plan is not the consumer's any more.
func (c *Consumer) endOnChange(ctx context.Context, l *life, end context.CancelCauseFunc) {
	for {
		changed := c.decisions.Next()
		if c.config.planOf(c.decisions.Record()) != l.plan {
			end(errChanged)
			return
		}
		if c.health.Halted() {
			end(errHalted)
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// follow catches up where that is due, and then delivers until ctx ends or something goes wrong.
// ctx ends with the life. When follow returns, no record of this life is in flight any more.
func (c *Consumer) follow(
	ctx, process context.Context, l *life, emit Emit, progress func(), beside *sync.WaitGroup, end context.CancelCauseFunc,
) error {
	var subscription ports.Subscription
	defer func() {
		c.drain(ctx, process, l, end)
		if subscription != nil {
			subscription.Close()
		}
	}()
	if err := c.catchUpIfDue(ctx, l); err != nil {
		return err
	}
	subscription, err := c.config.Feed.Subscribe(ctx, c.config.Name)
	if err != nil {
		return fmt.Errorf("subscribe %s: %w", c.config.Name, err)
	}
	if l.next != nil {
		beside.Go(func() { c.build(ctx, l, end) })
	}
	if l.live == nil {
		c.health.Set(ports.ConsumerRebuilding)
	} else {
		c.health.Set(ports.ConsumerRunning)
		l.update(func() { l.following = true })
		beside.Go(func() { c.retryWaiting(ctx) })
	}
	if l.live != nil && l.plan.Previous.Number != 0 {
		beside.Go(func() { c.expirePrevious(ctx, l) })
	}
	return c.deliver(ctx, l, subscription, emit, progress)
}

// deliver passes on what the subscription delivers.
func (c *Consumer) deliver(ctx context.Context, l *life, subscription ports.Subscription, emit Emit, progress func()) error {
	mark := watermark.New(mostAhead)
	settle := func() {
		if !l.mayCommit() {
			return
		}
		for _, r := range mark.Take() {
			c.commit(ctx, subscription, r.Position)
			if !r.Beat.IsZero() {
				c.pass(l, r.Beat)
			}
		}
	}
	l.update(func() { l.settle = settle })
	defer c.config.Beats.Stopped(c.config.Name)
	for {
		if err := mark.Await(ctx); err != nil {
			return err
		}
		c.config.Beats.Waiting(c.config.Name)
		delivery, err := subscription.Next(ctx)
		if err != nil {
			return fmt.Errorf("next delivery to %s: %w", c.config.Name, err)
		}
		progress()
		done := mark.Issue(watermark.Reach{Position: delivery.Position, Beat: delivery.Beat})
		if !delivery.Beat.IsZero() {
			c.config.Beats.Arrived(c.config.Name, delivery.Beat)
			done()
			settle()
			continue
		}
		c.config.Beats.Delivered(c.config.Name)
		if !c.config.takes(delivery.Record.AggregateType) {
			done()
			settle()
			continue
		}
		l.update(func() { l.emitted++ })
		id := delivery.Record.AggregateID
		err = emit(ctx, delivery.Record, func() {
			held := l.room.Hold(id, done)
			if !held {
				done()
			}
			if now := c.life.Load(); now != nil && now != l {
				now.strange()
			}
			if l.last() {
				settle()
			}
			if !held {
				l.update(func() { l.done++ })
			}
		})
		if err != nil {
			l.update(func() { l.emitted-- })
			return fmt.Errorf("pass on a delivery to %s: %w", c.config.Name, err)
		}
	}
}

// pass reports that a heartbeat has passed through the consumer. If the effect has a target that
// can be probed, that is done first.
func (c *Consumer) pass(l *life, beat time.Time) {
	probe, ok := c.config.Effect.(ports.Probe)
	if !ok {
		c.config.Beats.Passed(c.config.Name, beat)
		return
	}
	if !l.probing.CompareAndSwap(false, true) { // the probe before has not been answered yet
		return
	}
	if !l.enter() {
		l.probing.Store(false)
		return
	}
	go func() { // the end of the life waits for it
		defer l.leave(0)
		defer l.probing.Store(false)
		ctx, cancel := context.WithTimeout(l.aborted, c.config.DrainTimeout)
		defer cancel()
		if err := c.protect(func() error { return probe.Probe(ctx) }); err != nil {
			c.log.Debug("the target of the publisher does not answer", "error", err)
			return
		}
		c.config.Beats.Passed(c.config.Name, beat)
	}()
}

// drain waits, for a bounded time, until the records that were taken are done, and ends the life.
// When process ends, the lanes drop the records that wait there, and only those that are being
// handled are waited for.
func (c *Consumer) drain(ctx, process context.Context, l *life, end context.CancelCauseFunc) {
	cause := context.Cause(ctx)
	end(errOver)
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.DrainTimeout)
	defer cancel()
	handled := func() bool { return l.active == 0 && l.done >= l.handled || l.closed }
	switch {
	case errors.Is(cause, lease.ErrLost):
		// Another process works already: be quick.
	case cause == nil, errors.Is(cause, errChanged), errors.Is(cause, errSwitch), errors.Is(cause, errHandOver):
		unlessStopped, cancel := context.WithTimeout(process, c.config.DrainTimeout)
		defer cancel()
		switch {
		case l.await(unlessStopped, func() bool { return l.done >= l.emitted || l.closed }):
		case process.Err() != nil:
			l.await(wait, handled)
		default:
			c.log.Warn("records in flight are given up and come again", "after", c.config.DrainTimeout)
		}
	default:
		// The process stops, or the consumer stops itself. Records that still wait in a lane are
		// dropped.
		l.await(wait, handled)
	}
	l.update(func() { l.closed = true })
	c.life.CompareAndSwap(l, nil)
	l.abort()
	l.await(context.WithoutCancel(ctx), func() bool { return l.active == 0 })
}

// commit saves the offset. When that fails, the next commit covers it. At worst some records are
// delivered again.
func (c *Consumer) commit(ctx context.Context, subscription ports.Subscription, position ports.Position) {
	err := subscription.Commit(context.WithoutCancel(ctx), position)
	if err != nil && !errors.Is(err, ports.ErrClosed) {
		c.log.Warn("offset not saved", "error", err)
	}
}
