package consumer

import (
	"context"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// park sets the aggregate of record aside. When only a newer program can read the event, the life
// makes way for one.
func (c *Consumer) park(ctx context.Context, l *life, record eventsourcing.Record, attempts int, cause error) error {
	err := c.desk.Park(ctx, record, attempts, cause)
	if err == nil && failure.Newer(cause) {
		l.handOver()
	}
	return err
}

// enter returns the view that is read, and keeps the life that fills it from ending until leave is
// called.
func (c *Consumer) enter() (view *filling.View, leave func(), err error) {
	l := c.life.Load()
	if l == nil || l.live == nil || !l.enter() {
		return nil, nil, c.notHere()
	}
	return l.live, func() { l.leave(0) }, nil
}

// halt stops the consumer until an operator resumes it.
func (c *Consumer) halt(err error) {
	c.health.Halt(err)
	c.decisions.Nudge()
}

// ListParked lists the aggregates that were parked, whichever process works as the consumer.
func (c *Consumer) ListParked(ctx context.Context, after ports.Cursor, limit int) (ports.ParkedPage, error) {
	return c.lot.List(ctx, after, limit)
}

// Retry handles an aggregate that was parked, from the event that failed to the last one.
func (c *Consumer) Retry(ctx context.Context, id uuid.UUID) error { return c.desk.Retry(ctx, id) }

// Skip passes over the event that failed, notes why, and handles the rest.
func (c *Consumer) Skip(ctx context.Context, id uuid.UUID, reason string) error {
	return c.desk.Skip(ctx, id, reason)
}

// ListSkips lists the events that the consumer passes over, whichever process works as it.
func (c *Consumer) ListSkips(ctx context.Context, q ports.SkipQuery) (ports.SkipPage, error) {
	return c.lot.ListSkips(ctx, q)
}

// Unskip takes back the decision to pass over an event, and makes the view of its aggregate what it
// is with the event.
func (c *Consumer) Unskip(ctx context.Context, id uuid.UUID, sequence uint64) error {
	return c.desk.Unskip(ctx, id, sequence)
}
