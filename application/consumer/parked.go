package consumer

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// errTooManyParked stops the consumer: when so many aggregates fail, it is not about the aggregates.
var errTooManyParked = errors.New(
	"too many aggregates are parked: find the cause, retry or skip some of them, and resume the consumer")

// errTooManyWait keeps the consumer where it is until a newer program takes over.
var errTooManyWait = errors.New("too many aggregates wait for a newer version of the program: start that version")

// park sets the aggregate of record aside. The entry is stored before the record counts as done, so the offset never passes an
// event that is neither applied nor parked.
func (c *Consumer) park(ctx context.Context, l *life, record eventsourcing.Record, attempts int, cause error) error {
	return c.withAggregate(record.AggregateID, func() error {
		if c.lot.Count() >= c.config.MaxParked {
			return c.tooMany(record, cause)
		}
		err := c.setAside(ctx, ports.ParkedAggregate{ParkedAt: c.now()}, failure.Event(cause, record), attempts, cause)
		if err == nil && failure.Newer(cause) {
			l.handOver()
		}
		return err
	})
}

// tooMany is the error for an aggregate that cannot be parked any more. The consumer stops itself, unless the program is just
// too old: then it keeps trying, so that nobody has to resume it after the upgrade.
func (c *Consumer) tooMany(record eventsourcing.Record, cause error) error {
	if failure.Newer(cause) {
		return fmt.Errorf("%w (%d); the last one, %s, fails with: %w", errTooManyWait, c.config.MaxParked, record.AggregateID, cause)
	}
	err := fmt.Errorf("%w (%d); the last one, %s, fails with: %w", errTooManyParked, c.config.MaxParked, record.AggregateID, cause)
	c.health.Halt(err)
	c.decisions.Nudge()
	return err
}

// setAside stores what is known about an aggregate that does not get on. The caller holds it.
func (c *Consumer) setAside(
	ctx context.Context, parked ports.ParkedAggregate, failed eventsourcing.Record, attempts int, cause error,
) error {
	parked.AggregateType, parked.AggregateID = failed.AggregateType, failed.AggregateID
	if parked.SequenceNumber != failed.SequenceNumber || parked.FailedAt.IsZero() {
		parked.FailedAt = cmp.Or(c.health.Since(failed.AggregateID), c.now())
	}
	parked.SequenceNumber, parked.EventID, parked.EventType = failed.SequenceNumber, failed.EventID, failed.EventType
	parked.Kind, parked.Error = failure.KindOf(cause), cause.Error()
	parked.Attempts += attempts
	if err := c.lot.Park(ctx, parked); err != nil {
		return fmt.Errorf("park aggregate %s: %w (it failed with: %w)", parked.AggregateID, err, cause)
	}
	c.health.Recovered(parked.AggregateID)
	c.log.ErrorContext(ctx, "aggregate is parked; its events wait until it is retried or one is skipped",
		"aggregate_id", parked.AggregateID, "sequence_number", parked.SequenceNumber, "event_type", parked.EventType,
		"kind", parked.Kind, "attempts", parked.Attempts, "error", cause)
	return nil
}

// ListParked lists the aggregates that were set aside, whichever process works as the consumer.
func (c *Consumer) ListParked(ctx context.Context, after ports.Cursor, limit int) (ports.ParkedPage, error) {
	return c.lot.List(ctx, after, limit)
}

// Retry handles an aggregate that was set aside, from the event that failed to the last one.
func (c *Consumer) Retry(ctx context.Context, id uuid.UUID) error {
	return c.release(ctx, id, func(ports.ParkedAggregate) error { return nil })
}

// Skip passes over the event that failed, notes why, and handles the rest.
func (c *Consumer) Skip(ctx context.Context, id uuid.UUID, reason string) error {
	return c.release(ctx, id, func(parked ports.ParkedAggregate) error {
		// From here on every generation passes over the event by itself, this one included.
		err := c.lot.Skip(ctx, ports.Skip{
			AggregateID: id, SequenceNumber: parked.SequenceNumber, EventID: parked.EventID, EventType: parked.EventType,
			Reason: reason, Error: parked.Error, SkippedAt: c.now(),
		})
		if err == nil {
			c.log.WarnContext(ctx, "event is skipped", "aggregate_id", id, "sequence_number", parked.SequenceNumber, "reason", reason)
		}
		return err
	})
}

// release prepares a parked aggregate and brings it up to its last event; then it is parked no longer.
func (c *Consumer) release(ctx context.Context, id uuid.UUID, prepare func(ports.ParkedAggregate) error) error {
	l := c.life.Load()
	if l == nil || l.live == nil || !l.enter() {
		return c.notHere()
	}
	defer l.leave(0)
	return c.withAggregate(id, func() error {
		if c.config.Shared { // any process may have parked it
			if err := c.lot.LoadParked(ctx); err != nil {
				return err
			}
		}
		parked, ok := c.lot.Get(id)
		if !ok {
			return fmt.Errorf("parked aggregate %s of %s: %w", id, c.config.Name, ports.ErrNotFound)
		}
		if err := prepare(parked); err != nil {
			return err
		}
		return c.bringBack(ctx, l, parked)
	})
}

// bringBack brings a parked aggregate up. The caller holds it.
func (c *Consumer) bringBack(ctx context.Context, l *life, parked ports.ParkedAggregate) error {
	id := parked.AggregateID
	err := c.bringUpParked(ctx, parked, func() (int, error) {
		return l.live.BringUp(ctx, ports.Head{AggregateID: id, SequenceNumber: parked.SequenceNumber})
	})
	if err != nil {
		return err
	}
	if err := c.lot.Unpark(ctx, id); err != nil {
		return err
	}
	if c.config.Shared { // what another process has passed over until then, the event store has by now
		err := c.bringUpParked(ctx, parked, func() (int, error) { return l.live.BringUpToEnd(ctx, id) })
		if err != nil {
			return fmt.Errorf("aggregate %s is not parked any more, but may miss its last events until the next one: %w", id, err)
		}
	}
	c.flows(ctx, id, parked.SequenceNumber)
	c.log.InfoContext(ctx, "aggregate is not parked any more", "aggregate_id", id)
	return nil
}

// bringUpParked calls bringUp for a parked aggregate, and parks it once more if that fails. The caller holds it.
func (c *Consumer) bringUpParked(ctx context.Context, parked ports.ParkedAggregate, bringUp func() (advanced int, err error)) error {
	err := c.protect(func() error {
		advanced, err := bringUp()
		c.health.Handled.Add(uint64(advanced))
		return err
	})
	if err == nil || failure.Transient(err) {
		return err
	}
	failed := failure.Event(err, eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: parked.AggregateType, AggregateID: parked.AggregateID, SequenceNumber: parked.SequenceNumber, EventID: parked.EventID,
		},
		EventType: parked.EventType,
	})
	parked.RetriedAt = c.now()
	if err := c.setAside(ctx, parked, failed, 1, err); err != nil {
		return err
	}
	parked, _ = c.lot.Get(parked.AggregateID)
	return &ports.StillParkedError{Parked: parked}
}

// retryWaiting tries the aggregates that waited for a newer program: this one may be it.
func (c *Consumer) retryWaiting(ctx context.Context, l *life) {
	for _, parked := range c.lot.All() {
		if parked.Kind != ports.FailureNewer || ctx.Err() != nil {
			continue
		}
		err := c.release(ctx, parked.AggregateID, func(ports.ParkedAggregate) error { return nil })
		if still := (*ports.StillParkedError)(nil); errors.As(err, &still) && still.Parked.Kind == ports.FailureNewer {
			continue // and so will most of the others; each is one read
		}
		if err != nil && ctx.Err() == nil {
			c.log.Warn("aggregate that waited for a newer program stays parked", "aggregate_id", parked.AggregateID, "error", err)
		}
	}
}
