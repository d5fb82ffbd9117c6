package consumer

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/application/holds"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Handle applies the effects of records and of everything before them that is missing. It retries
// until that worked, or until the aggregates that fail are parked. It returns an error only when
// ctx ends. When the consumer stops meanwhile, it returns nil without an effect. Then the offset
// stays before the records, and the feed delivers them again.
//
// Several records are applied together, with one write. When that fails they are applied one by
// one; aggregates that have not failed come first.
func (c *Consumer) Handle(ctx context.Context, records ...eventsourcing.Record) error {
	l := c.life.Load()
	if l == nil || !l.enter() {
		return nil
	}
	succeeded := 0
	defer func() { l.leave(succeeded) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.aborted, cancel)()

	failed := records
	if len(records) > 1 {
		if failed = c.handleTogether(ctx, l, records); len(failed) == 0 {
			succeeded = len(records)
			return nil
		}
		succeeded = len(records) - len(failed)
	}
	for _, record := range failed {
		done, err := c.insist(ctx, l, record)
		if !done {
			return err
		}
		succeeded++
	}
	return nil
}

// handleTogether applies records with one write, or one by one when that fails. It returns those
// that still fail, and the later records of the same aggregates.
func (c *Consumer) handleTogether(
	ctx context.Context, l *life, records []eventsourcing.Record,
) (failed []eventsourcing.Record) {
	if c.handle(ctx, l, records) == nil {
		return nil
	}
	stuck := make(map[uuid.UUID]bool)
	for i, record := range records {
		if ctx.Err() != nil {
			return append(failed, records[i:]...)
		}
		if stuck[record.AggregateID] || c.handle(ctx, l, records[i:i+1]) != nil {
			stuck[record.AggregateID] = true
			failed = append(failed, record)
		}
	}
	return failed
}

// insist applies record until that worked, or until its aggregate is parked. done is false when the
// record was given up.
func (c *Consumer) insist(ctx context.Context, l *life, record eventsourcing.Record) (done bool, err error) {
	for attempt := 1; ; attempt++ {
		err := c.handle(ctx, l, []eventsourcing.Record{record})
		if err == nil {
			if attempt > 1 {
				c.flows(ctx, record.AggregateID, record.SequenceNumber)
			}
			return true, nil
		}
		if ctx.Err() != nil {
			return false, l.abandon(err)
		}
		if c.hopeless(err, attempt) {
			if err = c.park(ctx, l, record, attempt, err); err == nil {
				return true, nil
			}
		}
		c.stuck(ctx, headOf(record), attempt, err)
		if stopped := c.config.Backoff.Wait(ctx, l.stopping, attempt); stopped != nil {
			return false, l.abandon(fmt.Errorf("%w: %w", stopped, err))
		}
	}
}

// hopeless reports whether the aggregate of an event that has failed so often is to be parked.
func (c *Consumer) hopeless(err error, attempt int) bool {
	return failure.Newer(err) || !failure.Transient(err) && attempt >= c.config.ParkAfter
}

// handle brings every generation up to records while no other work on their aggregates runs.
// Generations that are not read come first. So a query never sees an aggregate older in the
// generation that becomes live than in the live one before it. Failures in generations that are not
// read delay nothing.
func (c *Consumer) handle(ctx context.Context, l *life, records []eventsourcing.Record) error {
	return c.withAggregates(holds.Distinct(records, aggregateOf), func() error {
		for _, view := range l.others {
			if err := c.handleBeside(ctx, l, view, records); err != nil {
				return err
			}
		}
		if l.live == nil {
			return nil
		}
		due, err := c.withoutParked(ctx, records)
		if err != nil || len(due) == 0 {
			return err
		}
		did, err := handleIn(ctx, l.live, due)
		if err != nil {
			c.health.Handled.Add(uint64(did.Applied)) // the rest of did is counted when it works
			return err
		}
		c.count(did)
		return nil
	})
}

// handleIn applies records to a view. It applies a single record so that an error names the event.
func handleIn(ctx context.Context, view *filling.View, records []eventsourcing.Record) (filling.Step, error) {
	if len(records) == 1 {
		return view.Handle(ctx, records[0])
	}
	return view.HandleAll(ctx, records)
}

// handleBeside applies records to a generation that is not live. It records what could not be
// applied. Its error is about that record.
func (c *Consumer) handleBeside(ctx context.Context, l *life, view *filling.View, records []eventsourcing.Record) error {
	if c.protect(func() error { _, err := handleIn(ctx, view, records); return err }) == nil {
		return nil
	}
	for _, record := range records {
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
	return nil
}

// count counts what handling records did.
func (c *Consumer) count(did filling.Step) {
	c.health.Handled.Add(uint64(did.Applied))
	c.health.Duplicates.Add(uint64(did.Duplicates))
	c.health.Healed.Add(uint64(did.Healed))
	for _, record := range did.Foreign {
		c.noteForeign(record)
	}
}

// withoutParked returns the records of aggregates that are not parked.
func (c *Consumer) withoutParked(ctx context.Context, records []eventsourcing.Record) ([]eventsourcing.Record, error) {
	if c.lot.Count() == 0 {
		return records, nil
	}
	due := make([]eventsourcing.Record, 0, len(records))
	for _, record := range records {
		parked, err := c.isParked(ctx, record.AggregateID)
		if err != nil {
			return nil, err
		}
		if !parked {
			due = append(due, record)
		}
	}
	return due, nil
}

func aggregateOf(r *eventsourcing.Record) uuid.UUID { return r.AggregateID }

// isParked reports whether an aggregate is parked. Where other processes may have released it, it
// asks the store.
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

// noteForeign counts a record that the event store does not have. The first one is logged: a
// producer that should not write to the topic usually writes more than one.
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
		c.log.InfoContext(ctx, "aggregate works again", "aggregate_id", id, "sequence_number", sequence)
	}
}
