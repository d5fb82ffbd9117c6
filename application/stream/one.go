package stream

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// StreamOne implements [ports.EventStreams].
func (s *Streams) StreamOne(
	ctx context.Context, aggregateType string, id uuid.UUID, after uint64,
) (ports.EventStream, error) {
	o := &one{id: id, pager: s.config.History, last: after}
	var err error
	if o.signal, err = s.watcher.watch(ctx, id); err != nil { // before the history is read
		return nil, fmt.Errorf("stream %s: %w", id, err)
	}
	if err := o.begin(ctx, aggregateType); err != nil {
		o.signal.close()
		return nil, fmt.Errorf("stream %s: %w", id, err)
	}
	return o, nil
}

// one follows one aggregate.
type one struct {
	id    uuid.UUID
	pager ports.HistoryPager
	// signal says when there may be more in the event store.
	signal *signal
	// last is the last sequence number that was delivered.
	last uint64
	// history holds what was read after that, at most a page. more says that the event store may
	// have more after it.
	history []eventsourcing.Record
	more    bool
	live    bool
}

// begin reads the history after the last event that the client has.
func (o *one) begin(ctx context.Context, aggregateType string) error {
	before := max(o.last, 1) - 1 // so that it is seen whether the client's last event exists
	history, err := o.pager.LoadPage(ctx, o.id, before, ports.MaxTailRecords)
	if err != nil {
		return err
	}
	switch {
	case len(history) > 0:
	case before == 0:
		return ports.ErrNotFound
	default:
		history, err = o.pager.LoadPage(ctx, o.id, 0, 1)
		if err == nil && len(history) == 0 {
			err = ports.ErrNotFound
		}
		if err == nil {
			err = fmt.Errorf("%w: there is no event %d yet", ports.ErrBadCursor, o.last)
		}
		return err
	}
	o.more = len(history) == ports.MaxTailRecords
	if actual := history[0].AggregateType; actual != aggregateType {
		return &ports.OtherTypeError{AggregateID: o.id, Type: actual, Wanted: aggregateType}
	}
	o.history = slices.DeleteFunc(history, func(r eventsourcing.Record) bool { return r.SequenceNumber <= o.last })
	return nil
}

// Next implements [ports.EventStream].
func (o *one) Next(ctx context.Context) (ports.StreamPage, error) {
	for {
		if err := o.signal.check(ctx); err != nil {
			return ports.StreamPage{}, fmt.Errorf("next of the stream of %s: %w", o.id, err)
		}
		if page := o.page(); len(page.Events) > 0 || page.CaughtUp {
			return page, nil
		}
		if err := o.read(ctx); err != nil {
			return ports.StreamPage{}, fmt.Errorf("next of the stream of %s: %w", o.id, err)
		}
	}
}

// page takes a page off the history.
func (o *one) page() ports.StreamPage {
	var page ports.StreamPage
	taken, bytes := 0, 0
	for taken < len(o.history) && taken < ports.MaxTailRecords && bytes < ports.MaxTailBytes {
		record := o.history[taken]
		o.last = record.SequenceNumber
		page.Events = append(page.Events, ports.StreamEvent{ID: strconv.FormatUint(o.last, 10), Record: record})
		bytes += len(record.Payload)
		taken++
	}
	clear(o.history[:taken]) // what was delivered must not be kept in memory
	if o.history = o.history[taken:]; len(o.history) == 0 && !o.more && !o.live {
		o.live, page.CaughtUp = true, true
	}
	page.After = strconv.FormatUint(o.last, 10)
	return page
}

// read reads a page of the history, after it has waited until there may be one.
func (o *one) read(ctx context.Context) error {
	if !o.more {
		if err := o.signal.wait(ctx); err != nil {
			return err
		}
	}
	o.more = true // if this fails, the next call reads it again
	history, err := o.pager.LoadPage(ctx, o.id, o.last, ports.MaxTailRecords)
	if err != nil {
		return err
	}
	o.history, o.more = history, len(history) == ports.MaxTailRecords
	return nil
}

// Close implements [ports.EventStream].
func (o *one) Close() error {
	o.signal.close()
	return nil
}
