package consumer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/application/reconcile"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// plan reads the record of the consumer, and makes the changes that follow from the version of the
// effect.
func (c *Consumer) plan(ctx context.Context) (ports.ConsumerRecord, error) {
	return c.decisions.Update(ctx, func(record *ports.ConsumerRecord) error {
		if c.wantsLease(*record) && !c.alone {
			return nil // a process of another version may hold the lease and build its generation
		}
		note, behind := c.subject.Settle(record)
		if note != "" {
			c.log.Warn(note, "live", record.Live, "next", record.Next)
		}
		if behind {
			return c.forgetCatchUp(ctx, record.Live)
		}
		return nil
	})
}

// forgetCatchUp makes the next catch-up of a generation begin at the first aggregate. What an
// earlier one has brought up is behind again. That is stored before the catch-up is requested.
// Otherwise the next one would continue where the earlier one ended.
func (c *Consumer) forgetCatchUp(ctx context.Context, live ports.Generation) error {
	place, err := c.place(ctx, walkCatchUp, live)
	if err == nil && place.Begun() {
		err = place.End(ctx, time.Time{})
	}
	return err
}

// noteCatchUp makes the next life catch up, from the first aggregate on.
func (c *Consumer) noteCatchUp(ctx context.Context) error {
	_, err := c.decisions.Update(ctx, func(record *ports.ConsumerRecord) error {
		record.CatchingUp = true
		return c.forgetCatchUp(ctx, record.Live)
	})
	return err
}

// catchUpIfDue brings every aggregate up to its head if the consumer is new, was reset, has lost
// its place in the feed, or has not finished an earlier catch-up. The offset moves before the first
// read of history, and only then. A catch-up that continues after an interruption does not move it:
// the feed must deliver from the old offset what the earlier reads did not contain.
func (c *Consumer) catchUpIfDue(ctx context.Context, l *life) error {
	if !c.decisions.Record().CatchingUp {
		return nil
	}
	c.health.CatchingUp()
	place, err := c.place(ctx, walkCatchUp, l.plan.Live)
	if err != nil {
		return err
	}
	if !place.Begun() {
		if err := c.config.Feed.SeekEnd(ctx, c.config.Name); err != nil {
			return fmt.Errorf("catch up %s: %w", c.config.Name, err)
		}
		if err := place.Begin(ctx); err != nil {
			return fmt.Errorf("catch up %s: %w", c.config.Name, err)
		}
	}
	before := c.health.Handled.Load()
	if l.live != nil {
		err := c.walk(place).HeadsTogether(ctx,
			func(ctx context.Context, heads []ports.Head) error { return c.catchUpAll(ctx, l, heads) },
			func(ctx context.Context, head ports.Head) error { return c.catchUp(ctx, l, head) })
		if err != nil {
			return fmt.Errorf("catch up %s: %w", c.config.Name, err)
		}
	}
	// The builder of the next generation makes up for what an expired offset has lost: it visits
	// every aggregate again.
	if l.next != nil {
		if err := l.filled.Spoil(ctx); err != nil {
			return err
		}
	}
	_, err = c.decisions.Update(ctx, func(record *ports.ConsumerRecord) error {
		if c.config.planOf(*record) != l.plan {
			return errChanged
		}
		record.CatchingUp = false
		return nil
	})
	if err != nil {
		return err
	}
	c.log.Info("caught up from the event store", "events", c.health.Handled.Load()-before, "parked", c.lot.Count())
	return place.End(ctx, c.now())
}

// The names of the walks of a consumer.
const (
	walkCatchUp   = "catch-up"
	walkFill      = "fill"
	walkReconcile = "reconcile"
)

// place returns how far a walk over one generation has got.
func (c *Consumer) place(ctx context.Context, walk string, of ports.Generation) (*filling.Place, error) {
	return filling.OpenPlace(ctx, c.config.Views, c.config.Name, fmt.Sprintf("%s/%d", walk, of.Number))
}

// walk returns a walk over the aggregates that the consumer takes, from place on.
func (c *Consumer) walk(place *filling.Place) filling.Walk {
	return filling.Walk{
		Store: c.config.Store, Takes: c.config.takes, Workers: c.config.Workers, Backoff: c.config.Backoff, Place: place,
		Stuck: func(ctx context.Context, id uuid.UUID, attempt int, err error) {
			if !errors.Is(err, reconcile.ErrNotFollowing) {
				c.stuck(ctx, ports.Head{AggregateID: id}, attempt, err)
			}
		},
		Flows: func(ctx context.Context, id uuid.UUID) { c.flows(ctx, id, 0) },
	}
}

// catchUpAll brings several aggregates up to their heads. After an error, each is to be brought up
// by itself.
func (c *Consumer) catchUpAll(ctx context.Context, l *life, heads []ports.Head) error {
	ids := make([]uuid.UUID, len(heads))
	for i, head := range heads {
		ids[i] = head.AggregateID
	}
	return c.withAggregates(ids, func() error {
		heads := slices.DeleteFunc(slices.Clone(heads), func(head ports.Head) bool { return c.lot.Has(head.AggregateID) })
		advanced, err := l.live.BringUpAll(ctx, heads)
		c.health.Handled.Add(uint64(advanced))
		if err != nil {
			return err
		}
		for _, head := range heads {
			c.flows(ctx, head.AggregateID, head.SequenceNumber)
		}
		return nil
	})
}

// catchUp brings one aggregate up to its head. It parks an aggregate that fails repeatedly. It
// returns transient errors.
func (c *Consumer) catchUp(ctx context.Context, l *life, head ports.Head) error {
	for attempt := 1; ; attempt++ {
		err := c.withAggregate(head.AggregateID, func() error {
			if c.lot.Has(head.AggregateID) {
				return nil
			}
			advanced, err := l.live.BringUp(ctx, head)
			c.health.Handled.Add(uint64(advanced))
			return err
		})
		if err == nil || failure.Transient(err) {
			if err == nil {
				c.flows(ctx, head.AggregateID, head.SequenceNumber)
			}
			return err
		}
		end := eventsourcing.Record{Header: eventsourcing.Header{
			AggregateType: head.AggregateType, AggregateID: head.AggregateID, SequenceNumber: head.SequenceNumber,
		}}
		if c.hopeless(err, attempt) {
			return c.park(ctx, l, end, attempt, err)
		}
		c.stuck(ctx, headOf(failure.Event(err, end)), attempt, err)
		if err := c.config.Backoff.Wait(ctx, nil, attempt); err != nil {
			return err
		}
	}
}
