// Package reconcile checks from time to time whether a consumer has left an aggregate behind. It is
// the last safety net and should never find anything. What it finds is counted, and the cause
// should be searched for.
//
// A [Check] walks over all aggregates. An aggregate that is behind is given some time, because its
// event is usually on its way. Then the Check brings it up to its last event. A Check outlives the
// lives of its consumer. After a restart it continues at the place that it had reached.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

const (
	// patience is how long an aggregate may be behind before it is brought up.
	patience = 10 * time.Second
	// maxBehind bounds how many aggregates may be behind and wait at once.
	maxBehind = 10_000
	// retry is the time between the failure of a check and its continuation.
	retry = time.Minute
)

// ErrNotFollowing keeps a check waiting while the consumer does not follow its feed in this
// process. It is transient.
var ErrNotFollowing = fmt.Errorf("the consumer does not follow the feed here: %w", ports.ErrUnavailable)

// Subject is the consumer that is checked.
type Subject interface {
	// Walk returns a walk over the aggregates of the live generation, with its place. It returns
	// [ErrNotFollowing] while the consumer does not follow its feed.
	Walk(ctx context.Context) (filling.Walk, error)
	// Behind reports whether the live generation has not reached head. It returns [ErrNotFollowing]
	// as Walk does.
	Behind(ctx context.Context, head ports.Head) (bool, error)
	// BringUp applies what is missing up to head. It returns [ErrNotFollowing] as Walk does.
	BringUp(ctx context.Context, head ports.Head) error
}

// Config is what a [Check] needs. All fields are required.
type Config struct {
	Subject Subject
	// Every is the time between the end of one check and the beginning of the next one.
	Every time.Duration
	// Rate is how many aggregates a check visits a second.
	Rate    int
	Backoff failure.Backoff
	Now     func() time.Time
	Logger  *slog.Logger
}

// Check is the background check of one consumer.
type Check struct{ config Config }

// New returns a Check.
func New(config Config) *Check { return &Check{config} }

// Run starts a check whenever one is due, until ctx ends.
func (c *Check) Run(ctx context.Context) {
	pause := c.config.Every
	for portkit.Sleep(ctx, pause) == nil {
		left, err := c.ifDue(ctx)
		if pause = left; err != nil {
			pause = min(retry, c.config.Every)
			if ctx.Err() == nil && !errors.Is(err, ErrNotFollowing) {
				c.config.Logger.Warn("background check is interrupted and will continue", "error", err)
			}
		}
	}
}

// ifDue completes a check if one is due, and returns the time until the next one is due.
func (c *Check) ifDue(ctx context.Context) (left time.Duration, err error) {
	walk, err := c.config.Subject.Walk(ctx)
	if err != nil {
		return 0, err
	}
	place := walk.Place
	if at := place.CompletedAt(); !place.Begun() && !at.IsZero() {
		if left := at.Add(c.config.Every).Sub(c.config.Now()); left > 0 && left <= c.config.Every {
			return left, nil
		}
	}
	if !place.Begun() {
		if err := place.Begin(ctx); err != nil {
			return 0, err
		}
	}
	if err := failure.Protect(c.config.Logger, func() error { return c.check(ctx, walk) }); err != nil {
		return 0, err
	}
	return c.config.Every, place.End(ctx, eventsourcing.Timestamp(c.config.Now()))
}

// check visits every aggregate from the place of walk on.
func (c *Check) check(ctx context.Context, walk filling.Walk) error {
	late := &latecomers{config: c.config}
	walk.Place.Before = late.settle
	limit := rate.NewLimiter(rate.Limit(c.config.Rate), 1)
	err := walk.Heads(ctx, func(ctx context.Context, head ports.Head) error {
		if err := limit.Wait(ctx); err != nil {
			return err
		}
		behind, err := c.config.Subject.Behind(ctx, head)
		if err != nil || !behind {
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
	config Config

	mu     sync.Mutex
	behind []ports.Head
	// since is when the last one was found.
	since time.Time
}

func (l *latecomers) add(ctx context.Context, head ports.Head) error {
	l.mu.Lock()
	l.behind, l.since = append(l.behind, head), l.config.Now()
	full := len(l.behind) >= maxBehind
	l.mu.Unlock()
	if full {
		return l.settle(ctx)
	}
	return nil
}

// settle gives the aggregates time to be brought up by the delivery, and brings up those that are
// still behind.
func (l *latecomers) settle(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.behind) == 0 {
		return nil
	}
	if err := portkit.Sleep(ctx, l.since.Add(patience).Sub(l.config.Now())); err != nil {
		return err
	}
	for len(l.behind) > 0 {
		if err := l.bringUp(ctx, l.behind[0]); err != nil {
			return err
		}
		l.behind = l.behind[1:]
	}
	return nil
}

// bringUp brings up an aggregate that the delivery has not brought up.
func (l *latecomers) bringUp(ctx context.Context, head ports.Head) error {
	for attempt := 1; ; attempt++ {
		err := l.config.Subject.BringUp(ctx, head)
		if err == nil || !failure.Transient(err) {
			return err
		}
		if stopped := l.config.Backoff.Wait(ctx, nil, attempt); stopped != nil {
			return errors.Join(stopped, err)
		}
	}
}
