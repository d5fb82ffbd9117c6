package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

const (
	// page is how many records are read at once.
	page = 256
	// idle is how long a following export waits before it calls Reached again.
	idle = 10 * time.Second
	// maxShown bounds how many faults are described; all are counted.
	maxShown = 20
)

// Source is what an export reads.
type Source interface {
	// ListEvents is as in ports.RecordLister.
	ListEvents(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error)
	ports.HistoryPager
	ports.FeedTail
}

// Exporter implements [ports.Exporter].
type Exporter struct{ source Source }

var _ ports.Exporter = (*Exporter)(nil)

// NewExporter returns an Exporter.
func NewExporter(source Source) *Exporter { return &Exporter{source} }

// Export implements [ports.Exporter].
func (x *Exporter) Export(
	ctx context.Context, request ports.ExportRequest, sink ports.ExportSink,
) (ports.ExportReport, error) {
	run := &export{ExportRequest: request, source: x.source, sink: sink, known: newReached()}
	if err := run.all(ctx); err != nil {
		return run.report, fmt.Errorf("export: %w", err)
	}
	return run.report, nil
}

// export is one run.
type export struct {
	ports.ExportRequest
	source Source
	sink   ports.ExportSink
	report ports.ExportReport

	// id is the aggregate whose history is being written. started says that one of its commands was
	// written, and broken that an event of it cannot be read.
	id              uuid.UUID
	started, broken bool
	// command holds the events of the command that is being read. Half a command is never written.
	command []eventsourcing.Record
	// known is how far aggregates were written from the feed.
	known *reached
}

func (x *export) all(ctx context.Context) error {
	switch {
	case x.After != "":
		return x.rest(ctx)
	case !x.Follow:
		return x.histories(ctx)
	}
	tail, err := x.source.OpenTail(ctx, ports.PlaceNow)
	if err != nil {
		return err
	}
	defer func() { _ = tail.Close() }() // it only reads
	var early []ports.TailRecord
	var place ports.Place
	for live := false; !live; {
		next, err := tail.Next(ctx)
		if err != nil {
			return err
		}
		early, place, live = append(early, next.Records...), next.Place, next.Live
	}
	if err := x.histories(ctx); err != nil {
		return err
	}
	if err := x.signals(ctx, ports.TailPage{Records: early, Place: place}); err != nil {
		return err
	}
	return x.follow(ctx, tail, place)
}

// histories writes what there is.
func (x *export) histories(ctx context.Context) error {
	if x.AggregateID != uuid.Nil {
		return x.from(ctx, x.AggregateID, 0)
	}
	for cursor := ports.Cursor(""); ; {
		listing, err := x.source.ListEvents(ctx, cursor, page)
		if err != nil {
			return err
		}
		for _, record := range listing.Records {
			if err := x.record(record); err != nil {
				return err
			}
		}
		if cursor = listing.Next; cursor == "" {
			return x.flush()
		}
	}
}

// record takes a record, if it is one of those that are wanted.
func (x *export) record(record eventsourcing.Record) error {
	another := record.AggregateID != x.id
	if another || record.EventType != "" && len(x.command) > 0 && x.command[0].CommandID != record.CommandID {
		if err := x.flush(); err != nil {
			return err
		}
	}
	if another {
		x.id, x.started, x.broken = record.AggregateID, false, false
	}
	switch {
	case x.broken, x.AggregateType != "" && record.AggregateType != x.AggregateType:
	case record.EventType == "": // it cannot be read, and may belong to the command before it
		x.unreadable(record.AggregateID, record.SequenceNumber)
	default:
		x.command = append(x.command, record)
	}
	return nil
}

// flush writes the command that was read.
func (x *export) flush() error {
	command := x.command
	x.command = x.command[:0]
	if len(command) == 0 {
		return nil
	}
	if x.started = x.started || !command[len(command)-1].CreatedAt.Before(x.Since); !x.started {
		return nil
	}
	for _, record := range command {
		if err := x.sink.Record(record); err != nil {
			return err
		}
	}
	clear(command) // what was written must not be kept in memory
	return nil
}

// unreadable counts the aggregate whose event cannot be read.
func (x *export) unreadable(id uuid.UUID, sequence uint64) {
	x.broken, x.command = true, nil
	x.report.Unreadable++
	if len(x.report.Shown) < maxShown {
		x.report.Shown = append(x.report.Shown, ports.UnreadableEvent{AggregateID: id, SequenceNumber: sequence})
	}
}

// from writes the history of an aggregate after a sequence number.
func (x *export) from(ctx context.Context, id uuid.UUID, after uint64) error {
	x.id, x.started, x.broken, x.command = id, false, false, nil
	for {
		records, err := x.source.LoadPage(ctx, id, after, page)
		if errors.Is(err, ports.ErrCorrupt) {
			x.unreadable(id, after+1)
			return nil
		}
		if err != nil {
			return err
		}
		for _, record := range records {
			if err := x.record(record); err != nil {
				return err
			}
			after = record.SequenceNumber
		}
		if len(records) < page {
			x.known.put(id, after)
			return x.flush()
		}
	}
}

// rest writes what was appended after a place, up to now.
func (x *export) rest(ctx context.Context) error {
	tail, err := x.source.OpenTail(ctx, x.After)
	if err != nil {
		return err
	}
	defer func() { _ = tail.Close() }() // it only reads
	for {
		next, err := tail.Next(ctx)
		if err == nil {
			err = x.signals(ctx, next)
		}
		if err != nil || next.Live {
			return err
		}
	}
}

// follow writes what is appended, until ctx ends.
func (x *export) follow(ctx context.Context, tail ports.Tail, place ports.Place) error {
	for {
		next, err := nextIn(ctx, tail, idle)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			err = x.sink.Reached(place)
		case err == nil:
			place, err = next.Place, x.signals(ctx, next)
		}
		if err != nil {
			return err
		}
	}
}

func nextIn(ctx context.Context, tail ports.Tail, most time.Duration) (ports.TailPage, error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return tail.Next(ctx)
}

// signals writes the aggregates that a page of the feed is about, up to their last event.
func (x *export) signals(ctx context.Context, next ports.TailPage) error {
	if next.Lost != nil {
		return fmt.Errorf("%w: the change feed has dropped events before they were exported", ports.ErrOffsetExpired)
	}
	for _, r := range next.Records {
		if err := x.signal(ctx, r.Record); err != nil {
			return err
		}
	}
	return x.sink.Reached(next.Place)
}

func (x *export) signal(ctx context.Context, record eventsourcing.Record) error {
	if x.AggregateID != uuid.Nil && record.AggregateID != x.AggregateID ||
		x.AggregateType != "" && record.AggregateType != x.AggregateType {
		return nil
	}
	after, ok := x.known.get(record.AggregateID)
	switch {
	case ok && record.SequenceNumber <= after:
		return nil
	case !ok:
		var err error
		if after, err = x.commandOf(ctx, record); err != nil {
			return err
		}
	}
	return x.from(ctx, record.AggregateID, after)
}

// commandOf returns the sequence number before the command of a record.
func (x *export) commandOf(ctx context.Context, record eventsourcing.Record) (uint64, error) {
	for after := record.SequenceNumber - 1; ; after-- {
		if after == 0 {
			return 0, nil
		}
		before, err := x.source.LoadPage(ctx, record.AggregateID, after-1, 2)
		switch {
		case errors.Is(err, ports.ErrCorrupt):
			return after, nil // from writes what can be read
		case err != nil:
			return 0, err
		case len(before) < 2 || before[0].CommandID != before[1].CommandID:
			return after, nil
		}
	}
}

// mostKnown is how many aggregates one half of a reached holds.
const mostKnown = 1 << 16

// reached remembers the last sequence numbers of the aggregates that were heard of last.
type reached struct{ young, old map[uuid.UUID]uint64 }

func newReached() *reached { return &reached{young: make(map[uuid.UUID]uint64)} }

func (r *reached) get(id uuid.UUID) (uint64, bool) {
	sequence, ok := r.young[id]
	if !ok {
		if sequence, ok = r.old[id]; ok {
			r.put(id, sequence)
		}
	}
	return sequence, ok
}

func (r *reached) put(id uuid.UUID, sequence uint64) {
	if len(r.young) >= mostKnown {
		r.young, r.old = make(map[uuid.UUID]uint64), r.young
	}
	r.young[id] = sequence
}
