package consumer

import (
	"context"
	"fmt"
	"time"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Pause stops the consumer, after what is in flight, until Resume.
func (c *Consumer) Pause(ctx context.Context) error {
	_, err := c.decisions.Update(ctx, func(record *ports.ConsumerRecord) error {
		record.Paused = true
		return nil
	})
	return err
}

// Resume starts a consumer that was paused or has stopped itself. Why it has stopped itself is known to the process that works as
// the consumer only, so when it was not paused, that one has to be asked.
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

// Reset moves the consumer to another place in the history. Its effects happen anew, from a generation that knows of none.
func (c *Consumer) Reset(ctx context.Context, request ports.ResetRequest) (consequence string, err error) {
	from := time.Time{}
	if !request.From.IsZero() {
		from = eventsourcing.Timestamp(request.From)
	}
	consequence, err = c.consequence(from)
	if err != nil || request.DryRun {
		return consequence, err
	}
	if !request.Force {
		return consequence, &ports.RefusedError{Reason: consequence + "; force it if that is what you want"}
	}
	record, err := c.decisions.Update(ctx, func(record *ports.ConsumerRecord) error {
		if record.Next.Number != 0 || record.Previous.Version == 0 && record.Previous.Number != 0 {
			return &ports.RefusedError{Reason: fmt.Sprintf("a generation of %s is being built or dropped: wait for that, or abort it", c.config.Name)}
		}
		// What was there is dropped: an even older generation at once, this one by the next life.
		record.Next, record.Previous = record.Previous, record.Live
		record.Next.Version, record.Previous.Version = 0, 0
		record.Live = ports.Generation{Number: int(record.Revision) + 1, Version: c.config.Version}
		record.From, record.CatchingUp = from, true
		return nil
	})
	if err != nil {
		return consequence, err
	}
	c.log.Warn("consumer is reset", "from", from, "generation", record.Live.Number)
	return consequence, nil
}

// consequence says what a reset would do.
func (c *Consumer) consequence(from time.Time) (string, error) {
	switch {
	case c.config.Table != nil && !from.IsZero():
		return "", &ports.RefusedError{Reason: fmt.Sprintf(
			"%s is a view, which is made of all events of an order: starting later would make it wrong for ever; rebuild it instead", c.config.Name)}
	case c.config.Table != nil:
		return fmt.Sprintf("%s would be emptied and filled again, and queries would miss orders meanwhile; a rebuild does the same without that",
			c.config.Name), nil
	case from.IsZero():
		return fmt.Sprintf("%s would publish every event again, from the first one; receivers must know duplicates by their event id", c.config.Name), nil
	case from.After(c.config.Now()):
		return "", &ports.RefusedError{Reason: fmt.Sprintf("%s is in the future: events until then would never be published", from.Format(time.RFC3339))}
	default:
		return fmt.Sprintf("%s would publish every event committed since %s again, and never those committed before that it has not published yet",
			c.config.Name, from.Format(time.RFC3339)), nil
	}
}
