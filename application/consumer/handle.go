package consumer

import (
	"context"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/application/holds"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Handle applies the effects of records and of everything before them that is missing. Several
// records are applied together, with one write. Those of aggregates that fail are then applied one
// by one.
//
// Handle does not wait for an aggregate that still fails: it is put aside and tried again there. So
// it returns before these records have had their effect; the offset stays before them. Only when
// there is no room aside, Handle retries until that worked, or until the aggregate is parked;
// aggregates that have not failed come first.
//
// It returns an error only when ctx ends. When the consumer stops meanwhile, it returns nil without
// an effect. Then the offset stays before the records, and the feed delivers them again.
func (c *Consumer) Handle(ctx context.Context, records ...eventsourcing.Record) error {
	l := c.life.Load()
	if l == nil || !l.enter() {
		return nil
	}
	handled := 0
	defer func() { l.leave(handled) }()
	ctx, over := l.within(ctx)
	defer over()

	due, behind := l.room.Split(records)
	ids := holds.Distinct(due, aggregateOf)
	if held := c.holds.Held(ids...); len(held) > 0 {
		due, behind = c.leaveHeld(ctx, l, held, due, behind)
		ids = holds.Distinct(due, aggregateOf)
	}
	if len(due) > 1 {
		due, _ = c.handle(ctx, l, due, ids) // an error that lasts is met again
	}
	for _, left := range append(c.handleEach(ctx, l, due), pendingAll(behind)...) {
		if done, err := c.wait(ctx, l, left); !done {
			return err
		}
	}
	handled = len(records)
	return nil
}

// pending is a record that has not had its effect after so many attempts.
type pending struct {
	eventsourcing.Record
	attempts int
}

func pendingAll(records []eventsourcing.Record) []pending {
	all := make([]pending, len(records))
	for i, record := range records {
		all[i].Record = record
	}
	return all
}

// handleEach applies records one by one, and puts aggregates that fail aside. It waits for nothing,
// and returns what there was no room for.
func (c *Consumer) handleEach(ctx context.Context, l *life, records []eventsourcing.Record) (left []pending) {
	var stuck map[uuid.UUID]bool
	keep := func(record eventsourcing.Record, attempts int) {
		if stuck == nil {
			stuck = make(map[uuid.UUID]bool)
		}
		stuck[record.AggregateID] = true
		left = append(left, pending{record, attempts})
	}
	for i, record := range records {
		if stuck[record.AggregateID] {
			keep(record, 0)
			continue
		}
		if added, full := l.room.Add(record); added {
			continue
		} else if full != nil {
			keep(record, 0)
			continue
		}
		err := c.try(ctx, l, record, 1)
		if err == nil || ctx.Err() == nil && c.putAside(ctx, l, pending{record, 1}) {
			continue
		}
		keep(record, 1)
		if failure.Transient(err) { // the others would fail, too, and there is no room for them
			return append(left, pendingAll(records[i+1:])...)
		}
	}
	return left
}

// wait applies record in its lane, or puts it behind others of its aggregate that are aside. done
// is false when the record was given up.
func (c *Consumer) wait(ctx context.Context, l *life, record pending) (done bool, err error) {
	for {
		added, full := l.room.Add(record.Record)
		if added {
			return true, nil
		}
		if full == nil {
			return c.insist(ctx, l, record)
		}
		select {
		case <-full:
		case <-ctx.Done():
			return false, l.abandon(ctx.Err())
		}
	}
}

// insist applies record until that worked, or until its aggregate is parked. done is false when the
// record was given up.
func (c *Consumer) insist(ctx context.Context, l *life, record pending) (done bool, err error) {
	for attempt := record.attempts; ; {
		if attempt > 0 {
			if stopped := c.config.Backoff.Wait(ctx, l.stopping, attempt); stopped != nil {
				return false, l.abandon(stopped)
			}
		}
		attempt++
		switch err := c.try(ctx, l, record.Record, attempt); {
		case err == nil:
			return true, nil
		case ctx.Err() != nil:
			return false, l.abandon(err)
		}
	}
}

// try makes an attempt at record. The error is nil when that worked, or when the aggregate was
// parked.
func (c *Consumer) try(ctx context.Context, l *life, record eventsourcing.Record, attempt int) error {
	_, err := c.handle(ctx, l, []eventsourcing.Record{record}, []uuid.UUID{record.AggregateID})
	if err == nil {
		if attempt > 1 {
			c.flows(ctx, record.AggregateID, record.SequenceNumber)
		}
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	if c.hopeless(err, attempt) {
		if err = c.park(ctx, l, record, attempt, err); err == nil {
			return nil
		}
	}
	c.stuck(ctx, headOf(record), attempt, err)
	return err
}

// hopeless reports whether the aggregate of an event that has failed so often is to be parked.
func (c *Consumer) hopeless(err error, attempt int) bool {
	return failure.Newer(err) || !failure.Transient(err) && attempt >= c.config.ParkAfter
}

// handle brings every generation up to records while no other work on their aggregates, ids, runs.
// Generations that are not read come first. So a query never sees an aggregate older in the
// generation that becomes live than in the live one before it. Failures in generations that are not
// read delay nothing.
//
// After an error, left are the records that are not known to have had their effect.
func (c *Consumer) handle(
	ctx context.Context, l *life, records []eventsourcing.Record, ids []uuid.UUID,
) (left []eventsourcing.Record, err error) {
	left = records
	err = c.withAggregates(ids, func() error {
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
		var did filling.Step
		did, left, err = handleIn(ctx, l.live, due)
		c.count(did)
		return err
	})
	if err == nil {
		left = nil
	}
	return left, err
}

// handleIn applies records to a view. It applies a single record so that an error names the event.
func handleIn(
	ctx context.Context, view *filling.View, records []eventsourcing.Record,
) (did filling.Step, left []eventsourcing.Record, err error) {
	if len(records) > 1 {
		return view.HandleAll(ctx, records)
	}
	did, err = view.Handle(ctx, records[0])
	if err != nil { // the rest of did is counted when it works
		return filling.Step{Applied: did.Applied}, records, err
	}
	return did, nil, nil
}

// handleBeside applies records to a generation that is not live. It records what could not be
// applied. Its error is about that record.
func (c *Consumer) handleBeside(ctx context.Context, l *life, view *filling.View, records []eventsourcing.Record) error {
	left := records
	if c.protect(func() (err error) { _, left, err = handleIn(ctx, view, records); return err }) == nil {
		return nil
	}
	for _, record := range left {
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
