package consumer

import (
	"context"
	"time"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Pause stops the consumer until Resume. It completes what is in flight first.
func (c *Consumer) Pause(ctx context.Context) error {
	_, err := c.decisions.Update(ctx, func(record *ports.ConsumerRecord) error {
		record.Paused = true
		return nil
	})
	return err
}

// Resume starts a consumer that was paused or has stopped itself. Only the process that works as
// the consumer knows why it has stopped itself. So when the consumer was not paused, that process
// has to be asked.
func (c *Consumer) Resume(ctx context.Context) error {
	paused := false
	_, err := c.decisions.Update(ctx, func(record *ports.ConsumerRecord) error {
		paused, record.Paused = record.Paused, false
		return nil
	})
	if err != nil {
		return err
	}
	if status := c.health.Status(); !paused && status.State == ports.ConsumerStandby {
		return &ports.LeaseHeldError{Name: c.config.Name, Owner: status.Holder}
	}
	c.health.Unhalt()
	c.decisions.Nudge()
	return nil
}

// Reset moves the consumer to another place in the history. Its effects happen again, in a new
// generation without effects.
func (c *Consumer) Reset(ctx context.Context, request ports.ResetRequest) (consequence string, err error) {
	from := time.Time{}
	if !request.From.IsZero() {
		from = eventsourcing.Timestamp(request.From)
	}
	consequence, err = c.subject.Consequence(from)
	if err != nil || request.DryRun {
		return consequence, err
	}
	if !request.Force {
		return consequence, &ports.RefusedError{Reason: consequence + "; force it if that is what you want"}
	}
	record, err := c.decisions.Update(ctx, func(record *ports.ConsumerRecord) error {
		return c.subject.Reset(record, from)
	})
	if err != nil {
		return consequence, err
	}
	c.log.Warn("consumer is reset", "from", from, "generation", record.Live.Number)
	return consequence, nil
}
