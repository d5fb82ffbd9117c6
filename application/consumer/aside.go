package consumer

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

const (
	// mostAside is how many aggregates are aside at once. mostWaiting is how many records of them
	// wait together.
	mostAside   = 64
	mostWaiting = 1024
	// mostAhead is how many deliveries follow one that is not done, including it. At 10,000 events
	// a second that is more than an event needs until its aggregate is parked.
	mostAhead = 1 << 14
)

// leaveHeld puts aggregates aside that other work holds, such as a retry that brings back a long
// history: the lane would have to wait for it. It returns the records of the others. Those for
// which there is no room come behind.
func (c *Consumer) leaveHeld(
	ctx context.Context, l *life, held []uuid.UUID, due, behind []eventsourcing.Record,
) (free, wait []eventsourcing.Record) {
	isOf := func(id uuid.UUID) func(eventsourcing.Record) bool {
		return func(r eventsourcing.Record) bool { return r.AggregateID == id }
	}
	for _, record := range due {
		if !slices.Contains(held, record.AggregateID) {
			free = append(free, record)
			continue
		}
		if !slices.ContainsFunc(behind, isOf(record.AggregateID)) {
			if added, full := l.room.Add(record); added || full == nil && c.putAside(ctx, l, pending{Record: record}) {
				continue
			}
		}
		behind = append(behind, record)
	}
	return free, behind
}

// putAside puts an aggregate aside, with its first record, and tries it again beside its lane. It
// returns false when there is no room.
func (c *Consumer) putAside(ctx context.Context, l *life, record pending) bool {
	if !l.room.Open(record.Record) {
		return false
	}
	if !l.enter() {
		return true // nothing is committed any more, and everything comes again
	}
	ctx = context.WithoutCancel(ctx) // it outlives the call of Handle
	go func() {                      // the end of the life waits for it
		defer l.leave(0)
		ctx, over := l.within(ctx)
		defer over()
		c.retryAside(ctx, l, record)
	}()
	return true
}

// retryAside applies the records of an aggregate that is aside, in order, until none is left. Then
// all of them are done.
func (c *Consumer) retryAside(ctx context.Context, l *life, record pending) {
	for {
		if done, _ := c.insist(ctx, l, record); !done {
			return // the life is over
		}
		next, more, held := l.room.Next(record.AggregateID)
		if more {
			record = pending{Record: next}
			continue
		}
		for _, done := range held {
			done()
		}
		l.settled(len(held))
		return
	}
}
