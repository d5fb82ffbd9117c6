package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// mostKnown bounds the aggregates of which a stream knows the last event.
const mostKnown = 1024

// aggregate names an aggregate.
type aggregate = uuid.UUID

// known says which events of an aggregate a stream has had: those from first to last.
type known struct{ first, last uint64 }

// all follows all aggregates.
type all struct {
	tail  ports.Tail
	store ports.EventStore
	ids   ids

	types   []string
	filters []filter
	// known and order hold the aggregates that had events last, the oldest one first in order.
	known map[aggregate]known
	order []aggregate

	// page is a page of the tail that is not delivered completely. after is the id after what was
	// delivered.
	page  *ports.TailPage
	after string
}

// filter lets the events of aggregates pass that are in a list under a key.
type filter struct {
	folds *folds
	key   string
}

// Next implements [ports.EventStream]. A page may only have the id to resume after, when no event
// of a page of the feed has passed.
func (a *all) Next(ctx context.Context) (ports.StreamPage, error) {
	page, err := a.next(ctx)
	if err != nil {
		return ports.StreamPage{}, fmt.Errorf("next of the stream of all: %w", err)
	}
	return page, nil
}

func (a *all) next(ctx context.Context) (page ports.StreamPage, err error) {
	if a.page == nil {
		read, err := a.tail.Next(ctx)
		if err != nil {
			return page, err
		}
		a.page = &read
	}
	if lost := a.page.Lost; lost != nil {
		page.Reset = &ports.StreamReset{
			Reason: ports.ResetExpired, From: a.ids.id(lost.From), To: a.ids.id(lost.To), Until: lost.Until,
		}
		a.after, a.page.Lost = page.Reset.To, nil
		clear(a.known) // what is lost is not read from the event store
		a.order = nil
		page.After = a.after
		return page, nil
	}
	for len(a.page.Records) > 0 {
		next := a.page.Records[0]
		page.Events, err = a.take(ctx, page.Events, next)
		var unreadable *unreadableError
		switch {
		case errors.As(err, &unreadable) && len(page.Events) > 0:
			return page, nil // the next page begins with it
		case errors.As(err, &unreadable):
			page.Reset = &ports.StreamReset{
				Reason: ports.ResetUnreadable, AggregateID: unreadable.id, SequenceNumber: unreadable.sequence,
				From: a.after, To: a.ids.id(next.Place),
			}
			a.know(next.Record)
		case err != nil && len(page.Events) > 0:
			return page, nil // and the next call finds it again
		case err != nil:
			return page, err
		}
		a.after = a.ids.id(next.Place)
		page.After, a.page.Records = a.after, a.page.Records[1:]
		if page.Reset != nil {
			return page, nil
		}
	}
	a.after = a.ids.id(a.page.Place)
	page.CaughtUp, page.After, a.page = a.page.Live, a.after, nil
	return page, nil
}

// take appends to events what follows from a record of the feed: nothing, itself, or before it what
// the feed has lost. It changes nothing when it fails.
func (a *all) take(ctx context.Context, events []ports.StreamEvent, next ports.TailRecord) ([]ports.StreamEvent, error) {
	record := next.Record
	had, isKnown := a.known[record.AggregateID]
	if isKnown && record.SequenceNumber >= had.first && record.SequenceNumber <= had.last {
		return events, nil
	}
	records := []eventsourcing.Record{record}
	if missing := isKnown && record.SequenceNumber > had.last+1; missing || record.EventType == "" {
		after := record.SequenceNumber - 1
		if missing {
			after = had.last
		}
		var err error
		if records, err = a.load(ctx, record, after); err != nil {
			return events, err
		}
	}
	passed := events
	for _, r := range records {
		pass, err := a.passes(ctx, r)
		if err != nil {
			return events, err
		}
		id := a.after // until the last one has arrived, the client must resume before them
		if r.SequenceNumber == record.SequenceNumber {
			id = a.ids.id(next.Place)
		}
		if pass {
			passed = append(passed, ports.StreamEvent{ID: id, Record: r})
		}
	}
	a.know(record)
	return passed, nil
}

// unreadableError says which event cannot be read from the event store either.
type unreadableError struct {
	id       aggregate
	sequence uint64
	err      error
}

func (e *unreadableError) Error() string {
	return fmt.Sprintf("event %d of %s: %v", e.sequence, e.id, e.err)
}

func (e *unreadableError) Unwrap() error { return e.err }

// load reads the events of an aggregate from the event store, after a sequence number and up to a
// record.
func (a *all) load(ctx context.Context, upTo eventsourcing.Record, after uint64) ([]eventsourcing.Record, error) {
	records, err := a.store.Load(ctx, upTo.AggregateID, after)
	records = slices.DeleteFunc(records, func(r eventsourcing.Record) bool {
		return r.SequenceNumber > upTo.SequenceNumber
	})
	switch {
	case errors.Is(err, ports.ErrCorrupt):
	case err != nil:
		return nil, err
	case len(records) > 0:
		return records, nil
	default: // a message of another program, or the store has lost it
		err = ports.ErrNotFound
	}
	if upTo.EventType != "" { // this one can be read, and what is missing before it cannot
		return []eventsourcing.Record{upTo}, nil
	}
	return nil, &unreadableError{id: upTo.AggregateID, sequence: upTo.SequenceNumber, err: err}
}

// know notes that the stream has had a record.
func (a *all) know(r eventsourcing.Record) {
	had, isKnown := a.known[r.AggregateID]
	if !isKnown {
		if len(a.order) == mostKnown {
			delete(a.known, a.order[0])
			a.order = append(a.order[:0], a.order[1:]...)
		}
		a.order = append(a.order, r.AggregateID)
		had = known{first: r.SequenceNumber}
	}
	if r.SequenceNumber+1 == had.first {
		had.first--
	}
	had.last = max(had.last, r.SequenceNumber)
	a.known[r.AggregateID] = had
}

// passes reports whether an event passes all filters.
func (a *all) passes(ctx context.Context, r eventsourcing.Record) (bool, error) {
	if len(a.types) > 0 && !slices.Contains(a.types, r.EventType) {
		return false, nil
	}
	for _, f := range a.filters {
		if in, err := f.folds.in(ctx, r, f.key); !in || err != nil {
			return false, err
		}
	}
	return true, nil
}

// Close implements [ports.EventStream].
func (a *all) Close() error { return a.tail.Close() }
