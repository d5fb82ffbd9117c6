package consumer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

const (
	// reconcileRate is how many orders a second the background check looks at.
	reconcileRate = 1_000
	// reconcilePatience is how long an order may be behind before the background check brings it up: as a rule its event is on
	// its way.
	reconcilePatience = 10 * time.Second
	// maxBehind bounds how many orders one round looks at again.
	maxBehind = 10_000
)

// reconcileNowAndThen looks at every order now and then, and brings up what is behind although nothing is on its way. It is the
// net below everything else: what it catches is counted, and somebody should ask why.
func (c *Consumer) reconcileNowAndThen(ctx context.Context, l *life) {
	tick := time.NewTicker(c.config.ReconcileEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := c.protect(func() error { return c.reconcile(ctx, l) }); err != nil && ctx.Err() == nil {
			c.log.Warn("background check not completed, the next one starts anew", "error", err)
		}
	}
}

// reconcile looks at every order once.
func (c *Consumer) reconcile(ctx context.Context, l *life) error {
	limit := rate.NewLimiter(reconcileRate, 1)
	var mu sync.Mutex
	var behind []ports.Head
	err := c.everyOrder(ctx, func(head ports.Head) error {
		if err := limit.Wait(ctx); err != nil {
			return err
		}
		state, err := l.live.state(ctx, head.AggregateID)
		if err != nil || state.SequenceNumber >= head.SequenceNumber || c.parked.has(head.AggregateID) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if len(behind) < maxBehind {
			behind = append(behind, head)
		}
		return nil
	})
	if err != nil || len(behind) == 0 {
		return err
	}
	if err := sleep(ctx, reconcilePatience); err != nil {
		return err
	}
	for _, head := range behind {
		before := c.health.handled.Load()
		if err := c.catchUp(ctx, l, head); err != nil {
			return err
		}
		if c.health.handled.Load() > before {
			c.health.reconciled.Add(1)
			c.log.Warn("order was behind although the feed had passed it, and is brought up", "order_id", head.AggregateID, "sequence_number", head.SequenceNumber)
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RepairOrder brings the live view of one order up to its last event and makes its rows what the events say. stray are rows to be
// removed that the events do not say.
func (c *Consumer) RepairOrder(ctx context.Context, aggregateID uuid.UUID, stray []projection.Row) error {
	l := c.life.Load()
	if l == nil || l.live == nil || !l.enter() {
		return c.notHere()
	}
	defer l.leave(false)
	return c.withOrder(aggregateID, func() error {
		if parked, ok := c.parked.get(aggregateID); ok {
			return &ports.StillParkedError{Parked: parked}
		}
		if c.config.Table == nil {
			_, err := l.live.bringUpToEnd(ctx, aggregateID)
			return err
		}
		return c.replace(ctx, l, aggregateID, stray)
	})
}

// replace writes what the events of one order say over what its view has.
func (c *Consumer) replace(ctx context.Context, l *life, aggregateID uuid.UUID, stray []projection.Row) error {
	state, err := l.live.state(ctx, aggregateID)
	if err != nil {
		return err
	}
	records, err := l.live.missing(ctx, aggregateID, 0, 0)
	if err != nil {
		return err
	}
	var effective []eventsourcing.Record
	for _, r := range records {
		skipped, err := l.live.wasSkipped(ctx, r)
		if err != nil {
			return err
		}
		if !skipped {
			effective = append(effective, r)
		}
	}
	change := ports.Change{}
	if len(effective) > 0 {
		if change, err = c.config.Effect.Apply(ctx, nil, effective); err != nil {
			return err
		}
	}
	change.AggregateID, change.State.SequenceNumber, change.Table = aggregateID, uint64(len(records)), c.config.Table
	for _, row := range stray {
		if !holds(c.config.Table, change.Put, row) && !holds(c.config.Table, change.Delete, row) {
			change.Delete = append(change.Delete, row)
		}
	}
	if c.config.Repairer == nil {
		return &ports.RefusedError{Reason: fmt.Sprintf("the store cannot replace rows of %s: rebuild it", c.config.Name)}
	}
	if err := c.config.Repairer.Replace(ctx, l.live.view, change, state.SequenceNumber); err != nil {
		return err
	}
	c.log.Warn("order was put right in the view", "order_id", aggregateID)
	return nil
}

// holds says whether one of rows has the key of row.
func holds(table *projection.Table, rows []projection.Row, row projection.Row) bool {
	for _, r := range rows {
		if projection.SameRow(table.Key(r), table.Key(row)) {
			return true
		}
	}
	return false
}
