package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

const (
	// reconcilePatience is how long an aggregate may be behind before the background check brings it up: as a rule its event is
	// on its way.
	reconcilePatience = 10 * time.Second
	// maxBehind bounds how many aggregates wait for that.
	maxBehind = 10_000
	// reconcileRetry is the time between the failure of a check and its continuation.
	reconcileRetry = time.Minute
)

// errNotFollowing keeps the background check waiting while the consumer does not follow the feed in this process.
var errNotFollowing = fmt.Errorf("the consumer does not follow the feed here: %w", ports.ErrUnavailable)

// reconcileNowAndThen looks at every aggregate now and then, and brings up what is behind although nothing is on its way. It is
// the net below everything else: what it catches is counted, and somebody should ask why.
//
// It goes on over lives, and over restarts: each check begins where the last one was interrupted.
func (c *Consumer) reconcileNowAndThen(ctx context.Context) {
	pause := c.config.ReconcileEvery
	for portkit.Sleep(ctx, pause) == nil {
		left, err := c.reconcileIfDue(ctx)
		if pause = left; err != nil {
			pause = min(reconcileRetry, c.config.ReconcileEvery)
			if ctx.Err() == nil && !errors.Is(err, errNotFollowing) {
				c.log.Warn("background check is interrupted and will go on", "error", err)
			}
		}
	}
}

// reconcileIfDue completes a check, and returns the time until the next one is due.
func (c *Consumer) reconcileIfDue(ctx context.Context) (left time.Duration, err error) {
	l, err := c.following()
	if err != nil {
		return 0, err
	}
	place, err := c.place(ctx, walkReconcile, l.plan.Live)
	if err != nil {
		return 0, err
	}
	if at := place.CompletedAt(); !place.Begun() && !at.IsZero() {
		if left := at.Add(c.config.ReconcileEvery).Sub(c.config.Now()); left > 0 && left <= c.config.ReconcileEvery {
			return left, nil
		}
	}
	if !place.Begun() {
		if err := place.Begin(ctx); err != nil {
			return 0, err
		}
	}
	if err := c.protect(func() error { return c.reconcile(ctx, place) }); err != nil {
		return 0, err
	}
	return c.config.ReconcileEvery, place.End(ctx, c.now())
}

// following returns the life that follows the feed in this process.
func (c *Consumer) following() (*life, error) {
	l := c.life.Load()
	if l == nil || l.live == nil || !l.is(func() bool { return l.following && !l.closed }) {
		return nil, errNotFollowing
	}
	return l, nil
}

// reconcile looks at every aggregate from place on.
func (c *Consumer) reconcile(ctx context.Context, place *filling.Place) error {
	late := &latecomers{consumer: c}
	place.Before = late.settle
	limit := rate.NewLimiter(rate.Limit(c.config.ReconcileRate), 1)
	err := c.walk(place).Heads(ctx, func(ctx context.Context, head ports.Head) error {
		if err := limit.Wait(ctx); err != nil {
			return err
		}
		l, err := c.following()
		if err != nil {
			return err
		}
		state, err := l.live.State(ctx, head.AggregateID)
		if err != nil || state.SequenceNumber >= head.SequenceNumber || c.lot.Has(head.AggregateID) {
			return err
		}
		return late.add(ctx, head)
	})
	if err != nil {
		return err
	}
	return late.settle(ctx)
}

// latecomers are the aggregates that the check has found behind.
type latecomers struct {
	consumer *Consumer

	mu     sync.Mutex
	behind []ports.Head
	// since is when the last one was found.
	since time.Time
}

func (l *latecomers) add(ctx context.Context, head ports.Head) error {
	l.mu.Lock()
	l.behind, l.since = append(l.behind, head), l.consumer.config.Now()
	full := len(l.behind) >= maxBehind
	l.mu.Unlock()
	if full {
		return l.settle(ctx)
	}
	return nil
}

// settle gives the aggregates time to come up by themselves, and brings up those that have not.
func (l *latecomers) settle(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.behind) == 0 {
		return nil
	}
	c := l.consumer
	if err := portkit.Sleep(ctx, l.since.Add(reconcilePatience).Sub(c.config.Now())); err != nil {
		return err
	}
	for len(l.behind) > 0 {
		if err := c.bringUpLate(ctx, l.behind[0]); err != nil {
			return err
		}
		l.behind = l.behind[1:]
	}
	return nil
}

// bringUpLate brings up an aggregate that nothing else has brought up.
func (c *Consumer) bringUpLate(ctx context.Context, head ports.Head) error {
	for attempt := 1; ; attempt++ {
		l, err := c.following()
		if err == nil {
			err = c.bringUpIn(ctx, l, head)
		}
		if err == nil {
			return nil
		}
		if !failure.Transient(err) {
			return err
		}
		if stopped := c.config.Backoff.Wait(ctx, nil, attempt); stopped != nil {
			return errors.Join(stopped, err)
		}
	}
}

// bringUpIn is bringUpLate in one life, whose end waits for it.
func (c *Consumer) bringUpIn(ctx context.Context, l *life, head ports.Head) error {
	if !l.enter() {
		return errNotFollowing
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

// RepairAggregate makes what the live view has of one aggregate what its events say. stray are rows to be removed that the events do
// not say.
func (c *Consumer) RepairAggregate(ctx context.Context, id uuid.UUID, stray []projection.Row) error {
	l := c.life.Load()
	if l == nil || l.live == nil || !l.enter() {
		return c.notHere()
	}
	defer l.leave(0)
	return c.withAggregate(id, func() error {
		if parked, ok := c.lot.Get(id); ok {
			return &ports.StillParkedError{Parked: parked}
		}
		if err := l.live.Repair(ctx, id, stray); err != nil {
			return err
		}
		c.log.Warn("aggregate was put right in the view", "aggregate_id", id)
		return nil
	})
}
