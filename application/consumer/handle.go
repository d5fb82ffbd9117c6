package consumer

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Handle applies the effect of record and of everything before it that is missing. It retries until that worked, or until the
// aggregate is parked. It returns an error only when ctx ends. When the consumer stops meanwhile, it returns nil without an
// effect; the offset then stays behind the record, and the feed delivers it again.
func (c *Consumer) Handle(ctx context.Context, record eventsourcing.Record) error {
	l := c.life.Load()
	if l == nil || !l.enter() {
		return nil
	}
	succeeded := false
	defer func() { l.leave(succeeded) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.aborted, cancel)()

	for attempt := 1; ; attempt++ {
		err := c.withAggregate(record.AggregateID, func() error { return c.handle(ctx, l, record) })
		if err == nil {
			if attempt > 1 {
				c.flows(ctx, record.AggregateID, record.SequenceNumber)
			}
			succeeded = true
			return nil
		}
		if ctx.Err() != nil {
			return l.abandon(err)
		}
		if c.hopeless(err, attempt) {
			if err = c.park(ctx, l, record, attempt, err); err == nil {
				succeeded = true
				return nil
			}
		}
		c.stuck(ctx, headOf(record), attempt, err)
		if stopped := c.config.Backoff.Wait(ctx, l.stopping, attempt); stopped != nil {
			return l.abandon(fmt.Errorf("%w: %w", stopped, err))
		}
	}
}

// hopeless says whether the aggregate of an event that has failed so often is to be set aside.
func (c *Consumer) hopeless(err error, attempt int) bool {
	return failure.Newer(err) || !failure.Transient(err) && attempt >= c.config.ParkAfter
}

// handle brings every generation up to record. Those that nobody reads come first, so that a query never sees an aggregate in
// the live generation that is older in the one that takes its place; their failures hold nobody up. The caller holds the
// aggregate.
func (c *Consumer) handle(ctx context.Context, l *life, record eventsourcing.Record) error {
	for _, view := range l.others {
		err := c.protect(func() error { _, err := view.Handle(ctx, record); return err })
		if err == nil {
			continue
		}
		if err := l.taint(ctx, view, record.AggregateID); err != nil {
			return err
		}
		c.log.Debug("a generation that is not live falls behind",
			"generation", view.ID().Generation, "aggregate_id", record.AggregateID, "error", err)
	}
	if l.live == nil {
		return nil
	}
	if parked, err := c.isParked(ctx, record.AggregateID); parked || err != nil {
		return err
	}
	did, err := l.live.Handle(ctx, record)
	if err != nil {
		return err
	}
	c.health.Handled.Add(uint64(did.Applied))
	switch {
	case did.Foreign:
		c.noteForeign(record)
	case did.Applied == 0:
		c.health.Duplicates.Add(1)
	case did.Healed > 0:
		c.health.Healed.Add(uint64(did.Healed))
		c.log.Warn("filled a hole in the feed from the event store",
			"aggregate_id", record.AggregateID, "before", record.SequenceNumber, "events", did.Healed)
	}
	return nil
}

// isParked tells whether an aggregate was set aside. Where others may have released it, they are asked.
func (c *Consumer) isParked(ctx context.Context, id uuid.UUID) (bool, error) {
	if !c.lot.Has(id) {
		return false, nil
	}
	if c.config.Shared {
		if err := c.lot.LoadParked(ctx); err != nil {
			return false, err
		}
	}
	return c.lot.Has(id), nil
}

// noteForeign counts a record that the event store does not have. The first one is logged: a producer that should not write to
// the topic usually writes more than one.
func (c *Consumer) noteForeign(record eventsourcing.Record) {
	c.health.Foreign.Add(1)
	if c.foreign.CompareAndSwap(false, true) {
		c.log.Error("the feed has a record that the event store does not have; it has no effect, and further ones are only counted",
			"aggregate_type", record.AggregateType, "aggregate_id", record.AggregateID,
			"sequence_number", record.SequenceNumber, "event_id", record.EventID)
	}
}

// stuck and flows keep the health of one aggregate, and log when it changes.
func (c *Consumer) stuck(ctx context.Context, at ports.Head, attempt int, err error) {
	if c.health.Failed(at, attempt, err) {
		c.log.ErrorContext(ctx, "aggregate is stuck, retrying", "aggregate_type", at.AggregateType,
			"aggregate_id", at.AggregateID, "sequence_number", at.SequenceNumber, "error", err)
	}
}

// headOf names an event.
func headOf(r eventsourcing.Record) ports.Head {
	return ports.Head{AggregateType: r.AggregateType, AggregateID: r.AggregateID, SequenceNumber: r.SequenceNumber}
}

func (c *Consumer) flows(ctx context.Context, id uuid.UUID, sequence uint64) {
	if c.health.Recovered(id) {
		c.log.InfoContext(ctx, "aggregate flows again", "aggregate_id", id, "sequence_number", sequence)
	}
}
