package consumer

import (
	"context"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// park parks the aggregate of record. When only a newer program can read the event, the life ends
// so that such a program can take over.
func (c *Consumer) park(ctx context.Context, l *life, record eventsourcing.Record, attempts int, cause error) error {
	err := c.desk.Park(ctx, record, attempts, cause)
	if err == nil && failure.Newer(cause) {
		l.handOver()
	}
	return err
}

// retryWaiting tries the aggregates that waited for a newer program, until each has been tried.
func (c *Consumer) retryWaiting(ctx context.Context) {
	for attempt := 1; c.desk.RetryWaiting(ctx); attempt++ {
		if c.config.Backoff.Wait(ctx, nil, attempt) != nil {
			return
		}
	}
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

// ListParked lists the parked aggregates, whichever process works as the consumer.
func (c *Consumer) ListParked(ctx context.Context, after ports.Cursor, limit int) (ports.ParkedPage, error) {
	return c.lot.List(ctx, after, limit)
}

// Retry applies the events of a parked aggregate, from the event that failed to the last one.
func (c *Consumer) Retry(ctx context.Context, id uuid.UUID) error { return c.desk.Retry(ctx, id) }

// Skip skips the event that failed, records the reason, and applies the rest.
func (c *Consumer) Skip(ctx context.Context, id uuid.UUID, reason string) error {
	return c.desk.Skip(ctx, id, reason)
}

// ListSkips lists the events that the consumer skips, whichever process works as the consumer.
func (c *Consumer) ListSkips(ctx context.Context, q ports.SkipQuery) (ports.SkipPage, error) {
	return c.lot.ListSkips(ctx, q)
}

// Unskip takes back the decision to skip an event, and changes the view of its aggregate to what it
// is with the event.
func (c *Consumer) Unskip(ctx context.Context, id uuid.UUID, sequence uint64) error {
	return c.desk.Unskip(ctx, id, sequence)
}
