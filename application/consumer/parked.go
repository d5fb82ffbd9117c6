package consumer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// parkedOrders are the orders that were set aside, as far as this process knows: all of them while it works as the consumer.
type parkedOrders struct {
	mu     sync.Mutex
	orders map[uuid.UUID]ports.ParkedAggregate
}

func (p *parkedOrders) has(id uuid.UUID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.orders[id]
	return ok
}

func (p *parkedOrders) get(id uuid.UUID) (ports.ParkedAggregate, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	parked, ok := p.orders[id]
	return parked, ok
}

func (p *parkedOrders) set(parked ports.ParkedAggregate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.orders == nil {
		p.orders = make(map[uuid.UUID]ports.ParkedAggregate)
	}
	p.orders[parked.AggregateID] = parked
}

func (p *parkedOrders) remove(id uuid.UUID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.orders, id)
}

func (p *parkedOrders) replace(orders map[uuid.UUID]ports.ParkedAggregate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.orders = orders
}

func (p *parkedOrders) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.orders)
}

func (p *parkedOrders) ids() []uuid.UUID {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := make([]uuid.UUID, 0, len(p.orders))
	for id := range p.orders {
		ids = append(ids, id)
	}
	return ids
}

// summary tells how many there are and when the first of them was set aside.
func (p *parkedOrders) summary() (n int, oldest time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, parked := range p.orders {
		if oldest.IsZero() || parked.ParkedAt.Before(oldest) {
			oldest = parked.ParkedAt
		}
	}
	return len(p.orders), oldest
}

// loadParked reads what earlier lives have set aside.
func (c *Consumer) loadParked(ctx context.Context) error {
	orders := make(map[uuid.UUID]ports.ParkedAggregate)
	for cursor := ports.Cursor(""); ; {
		page, err := c.config.Parking.Parked(ctx, c.config.Name, cursor, headPage)
		if err != nil {
			return fmt.Errorf("parked orders of %s: %w", c.config.Name, err)
		}
		for _, parked := range page.Aggregates {
			orders[parked.AggregateID] = parked
		}
		if cursor = page.Next; cursor == "" {
			c.parked.replace(orders)
			return nil
		}
	}
}

// isParked tells whether an order was set aside. Where others may have released it, they are asked.
func (c *Consumer) isParked(ctx context.Context, id uuid.UUID) (bool, error) {
	if !c.parked.has(id) {
		return false, nil
	}
	if c.config.Shared {
		if err := c.loadParked(ctx); err != nil {
			return false, err
		}
	}
	return c.parked.has(id), nil
}

// errTooManyParked stops the consumer: when so many orders fail, it is not about the orders.
var errTooManyParked = errors.New("too many orders are parked: find the cause, retry or skip some of them, and resume the consumer")

// park sets the order of record aside. The entry is stored before the record counts as done, so the offset never passes an
// event that is neither applied nor parked.
func (c *Consumer) park(ctx context.Context, l *life, record eventsourcing.Record, attempts int, cause error) error {
	lock := c.lock(record.AggregateID)
	lock.Lock()
	defer lock.Unlock()
	if c.parked.count() >= c.config.MaxParked {
		err := fmt.Errorf("%w (%d); the last one, %s, fails with: %w", errTooManyParked, c.config.MaxParked, record.AggregateID, cause)
		c.health.halt(err)
		c.notes.nudge()
		return err
	}
	return c.setAside(ctx, ports.ParkedAggregate{ParkedAt: c.now()}, failing(cause, record), attempts, cause)
}

// setAside stores what is known about an order that does not get on. The caller holds its lock.
func (c *Consumer) setAside(ctx context.Context, parked ports.ParkedAggregate, failed eventsourcing.Record, attempts int, cause error) error {
	parked.Consumer, parked.AggregateID = c.config.Name, failed.AggregateID
	if parked.SequenceNumber != failed.SequenceNumber || parked.FailedAt.IsZero() {
		parked.FailedAt = cmp.Or(c.health.since(failed.AggregateID), c.now())
	}
	parked.SequenceNumber, parked.EventID, parked.EventType = failed.SequenceNumber, failed.EventID, failed.EventType
	parked.Kind, parked.Error = kindOf(cause), cause.Error()
	parked.Attempts += attempts
	if err := c.config.Parking.Park(ctx, parked); err != nil {
		return fmt.Errorf("park order %s: %w (it failed with: %w)", parked.AggregateID, err, cause)
	}
	c.parked.set(parked)
	c.health.recovered(parked.AggregateID)
	c.log.ErrorContext(ctx, "order is parked; its events wait until it is retried or one is skipped",
		"order_id", parked.AggregateID, "sequence_number", parked.SequenceNumber, "event_type", parked.EventType,
		"kind", parked.Kind, "attempts", parked.Attempts, "error", cause)
	return nil
}

// now is the time as it is stored.
func (c *Consumer) now() time.Time { return eventsourcing.Timestamp(c.config.Now()) }

// ListParked lists the orders that were set aside, whichever process works as the consumer.
func (c *Consumer) ListParked(ctx context.Context, after ports.Cursor, limit int) (ports.ParkedPage, error) {
	return c.config.Parking.Parked(ctx, c.config.Name, after, limit)
}

// Retry handles an order that was set aside, from the event that failed to the last one.
func (c *Consumer) Retry(ctx context.Context, aggregateID uuid.UUID) error {
	return c.release(ctx, aggregateID, func(context.Context, *life, ports.ParkedAggregate) error { return nil })
}

// Skip passes over the event that failed, notes why, and handles the rest.
func (c *Consumer) Skip(ctx context.Context, aggregateID uuid.UUID, reason string) error {
	return c.release(ctx, aggregateID, func(ctx context.Context, l *life, parked ports.ParkedAggregate) error {
		// From here on every generation passes over the event by itself, this one included.
		err := c.config.Skips.RecordSkip(ctx, ports.Skip{
			Consumer: c.config.Name, AggregateID: aggregateID, SequenceNumber: parked.SequenceNumber,
			EventID: parked.EventID, EventType: parked.EventType,
			Reason: reason, Error: parked.Error, SkippedAt: c.now(),
		})
		if err == nil {
			c.log.WarnContext(ctx, "event is skipped", "order_id", aggregateID, "sequence_number", parked.SequenceNumber, "reason", reason)
		}
		return err
	})
}

// release prepares a parked order and brings it up to its last event; then it is parked no longer.
func (c *Consumer) release(ctx context.Context, aggregateID uuid.UUID, prepare func(context.Context, *life, ports.ParkedAggregate) error) error {
	l := c.life.Load()
	if l == nil || l.live == nil || !l.enter() {
		return c.notHere()
	}
	defer l.leave(false)
	lock := c.lock(aggregateID)
	lock.Lock()
	defer lock.Unlock()
	if c.config.Shared { // any process may have parked it
		if err := c.loadParked(ctx); err != nil {
			return err
		}
	}
	parked, ok := c.parked.get(aggregateID)
	if !ok {
		return fmt.Errorf("parked order %s of %s: %w", aggregateID, c.config.Name, ports.ErrNotFound)
	}
	if err := prepare(ctx, l, parked); err != nil {
		return err
	}
	err := c.bringUpParked(ctx, parked, func() (int, error) {
		return l.live.bringUp(ctx, ports.Head{AggregateID: aggregateID, SequenceNumber: parked.SequenceNumber})
	})
	if err != nil {
		return err
	}
	if err := c.config.Parking.Unpark(ctx, c.config.Name, aggregateID); err != nil {
		return fmt.Errorf("unpark order %s: %w", aggregateID, err)
	}
	c.parked.remove(aggregateID)
	if c.config.Shared { // what another process has passed over until then, the event store has by now
		err := c.bringUpParked(ctx, parked, func() (int, error) { return l.live.bringUpToEnd(ctx, aggregateID) })
		if err != nil {
			return fmt.Errorf("order %s is not parked any more, but may miss its last events until the next one: %w", aggregateID, err)
		}
	}
	c.flows(ctx, aggregateID, parked.SequenceNumber)
	c.log.InfoContext(ctx, "order is not parked any more", "order_id", aggregateID)
	return nil
}

// bringUpParked calls bringUp for a parked order, and parks it once more if that fails. The caller holds its lock.
func (c *Consumer) bringUpParked(ctx context.Context, parked ports.ParkedAggregate, bringUp func() (advanced int, err error)) error {
	err := c.protect(func() error {
		advanced, err := bringUp()
		c.health.handled.Add(uint64(advanced))
		return err
	})
	if err == nil || transient(err) {
		return err
	}
	failed := failing(err, eventsourcing.Record{
		Header:    eventsourcing.Header{AggregateID: parked.AggregateID, SequenceNumber: parked.SequenceNumber, EventID: parked.EventID},
		EventType: parked.EventType,
	})
	parked.RetriedAt = c.now()
	if err := c.setAside(ctx, parked, failed, 1, err); err != nil {
		return err
	}
	parked, _ = c.parked.get(parked.AggregateID)
	return &ports.StillParkedError{Parked: parked}
}

// notHere says why something cannot be done to a consumer that does not run in this process at the moment.
func (c *Consumer) notHere() error {
	status := c.health.status()
	if status.State == ports.ConsumerStandby {
		return &ports.LeaseHeldError{Name: c.config.Name, Owner: status.Holder}
	}
	return &ports.RefusedError{Reason: fmt.Sprintf("consumer %s is %s: this can be done while it runs", c.config.Name, status.State)}
}
