// Package history reads the event store: histories, heads, and the events at positions of the feed.
//
// Nothing is shown before it is durable. A record says at which position of the feed it is, and
// [History].Durable is the last position that is durable. So a reader decides by itself what it may
// show.
//
// A row that cannot be read affects only its aggregate. A damaged head is replaced by what the last
// event says. An event that cannot be read is a ports.ErrCorrupt where its aggregate is loaded.
// Where events of several aggregates are listed, it is a record that only names the event, see
// ports.Delivery.
package history

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// History is the event store, for reading. Its methods are safe for concurrent use. Those whose
// comment does not say that they enter the DB must be called inside of it.
type History struct {
	db  *engine.DB
	now func() time.Time
	// durable is the position of the last record that may be shown.
	durable atomic.Uint64
	// doubtful holds the aggregates with an append whose outcome is not known.
	doubtful sync.Map
}

// New returns the History of a DB.
func New(db *engine.DB, now func() time.Time) *History { return &History{db: db, now: now} }

// Durable returns the position of the last record that is durable.
func (h *History) Durable() uint64 { return h.durable.Load() }

// SetDurable makes the records up to a position visible.
func (h *History) SetDurable(position uint64) { h.durable.Store(position) }

// Doubt says that the outcome of an append to an aggregate is not known. It cannot be loaded after
// that, because what is in memory may not be on the disk.
func (h *History) Doubt(aggregateID uuid.UUID) { h.doubtful.Store(aggregateID, nil) }

// Load implements [ports.EventStore]. It enters the DB.
func (h *History) Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	records, err := h.load(ctx, aggregateID, after, 0)
	if err != nil {
		return nil, fmt.Errorf("load %s after %d: %w", aggregateID, after, err)
	}
	return records, nil
}

// LoadPage implements [ports.HistoryPager]. It enters the DB.
func (h *History) LoadPage(
	ctx context.Context, aggregateID uuid.UUID, after uint64, limit int,
) (records []eventsourcing.Record, err error) {
	if err = portkit.CheckLimit(limit); err == nil {
		records, err = h.load(ctx, aggregateID, after, uint64(limit))
	}
	if err != nil {
		return nil, fmt.Errorf("load %s after %d: %w", aggregateID, after, err)
	}
	return records, nil
}

// enter enters the DB to read an aggregate, unless its last append is doubtful.
func (h *History) enter(ctx context.Context, aggregateID uuid.UUID) error {
	if err := h.db.Enter(ctx); err != nil {
		return err
	}
	if err := h.db.Err(); err != nil {
		if _, doubtful := h.doubtful.Load(aggregateID); doubtful {
			h.db.Leave()
			return err
		}
	}
	return nil
}

// load reads at most limit records. A limit of 0 means no limit.
func (h *History) load(ctx context.Context, aggregateID uuid.UUID, after, limit uint64) ([]eventsourcing.Record, error) {
	if err := h.enter(ctx, aggregateID); err != nil {
		return nil, err
	}
	defer h.db.Leave()
	// Durable must be read first: whatever is read later has everything up to it, and maybe more.
	durable := h.Durable()
	head, found, err := h.Head(aggregateID)
	if err != nil || !found || head.Sequence <= after {
		return nil, err
	}
	due, end := head.Sequence, uint64(0)
	if limit > 0 && limit < head.Sequence-after {
		due = after + limit
		end = due + 1
	}
	records, err := h.between(ctx, aggregateID, after, end, durable)
	if err != nil {
		return nil, err
	}
	if last := after + uint64(len(records)); head.Position <= durable && last != due {
		return nil, engine.Corrupt(fmt.Errorf("the history ends at %d, but the head is %d", last, head.Sequence))
	}
	return records, nil
}

// FindCommand implements [ports.CommandFinder]. It enters the DB.
func (h *History) FindCommand(
	ctx context.Context, aggregateID, commandID uuid.UUID,
) (records []eventsourcing.Record, err error) {
	if records, err = h.findCommand(ctx, aggregateID, commandID); err != nil {
		return nil, fmt.Errorf("find command %s of %s: %w", commandID, aggregateID, err)
	}
	return records, nil
}

func (h *History) findCommand(ctx context.Context, aggregateID, commandID uuid.UUID) ([]eventsourcing.Record, error) {
	if err := h.enter(ctx, aggregateID); err != nil {
		return nil, err
	}
	defer h.db.Leave()
	durable := h.Durable() // before anything is read, as in load
	var span layout.Span
	var found bool
	unread, err := h.db.Lookup([][]byte{layout.CommandKey(aggregateID, commandID)}, func(_, value []byte) (err error) {
		found = true
		span, err = layout.DecodeSpan(value)
		return err
	})
	if len(unread) > 0 {
		span, found, err = h.SpanOf(aggregateID, commandID)
	}
	if err != nil || !found {
		return nil, err
	}
	records, err := h.between(ctx, aggregateID, span.First-1, span.First+span.Count, durable)
	switch n := uint64(len(records)); {
	case err != nil || n == span.Count:
		return records, err
	case n == 0: // the command is not durable yet
		return nil, nil
	default:
		return nil, engine.Corrupt(fmt.Errorf("it has %d records of %d", n, span.Count))
	}
}

// OfCommand returns the records of a command, which are durable.
func (h *History) OfCommand(aggregateID uuid.UUID, span layout.Span) ([]eventsourcing.Record, error) {
	records, err := h.between(context.Background(), aggregateID, span.First-1, span.First+span.Count, h.Durable())
	if err == nil && uint64(len(records)) != span.Count {
		err = fmt.Errorf("%w: a command of %s has %d records of %d", ports.ErrCorrupt, aggregateID, len(records), span.Count)
	}
	return records, err
}

// SpanOf searches the history for a command whose own row cannot be read.
func (h *History) SpanOf(aggregateID, commandID uuid.UUID) (span layout.Span, found bool, err error) {
	h.db.Damaged("command "+commandID.String(), layout.CommandKey(aggregateID, commandID), ports.ErrCorrupt,
		"the history says what it did")
	all, err := h.between(context.Background(), aggregateID, 0, 0, h.Durable())
	if err != nil {
		return span, false, err
	}
	records := eventsourcing.ByCommand(all, commandID)
	if len(records) == 0 {
		return span, false, nil
	}
	return layout.Span{First: records[0].SequenceNumber, Count: uint64(len(records))}, true, nil
}

// between returns the records of an aggregate between two sequence numbers, without these, up to
// the position durable. A limit of 0 means no limit.
func (h *History) between(
	ctx context.Context, aggregateID uuid.UUID, after, limit, durable uint64,
) ([]eventsourcing.Record, error) {
	end := layout.EventKey(aggregateID, limit)
	if limit == 0 {
		end = layout.PrefixEnd(layout.EventPrefix(aggregateID))
	}
	it, err := h.db.Range(layout.EventKey(aggregateID, after+1), end)
	if err != nil {
		return nil, err
	}
	var records []eventsourcing.Record
	for valid := it.First(); valid && err == nil; valid = it.Next() {
		var position uint64
		var r eventsourcing.Record
		if position, r, err = layout.DecodeRecord(it.Value()); err != nil {
			err = engine.Corrupt(fmt.Errorf("event %d: %w", layout.SequenceOf(it.Key()), err))
		}
		if position > durable {
			break
		}
		records = append(records, r)
		if len(records)%1024 == 0 {
			err = errors.Join(err, ctx.Err())
		}
	}
	if err := errors.Join(err, engine.Translate(it.Close())); err != nil {
		return nil, err
	}
	if err := eventsourcing.CheckHistory(records, aggregateID, after); err != nil {
		return nil, engine.Corrupt(err)
	}
	return records, nil
}

// List implements ListEvents of [ports.RecordLister]. It enters the DB.
func (h *History) List(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	var page ports.RecordPage
	durable := h.Durable()
	listing := engine.Listing{Prefix: []byte{layout.SpaceEvent}, After: after, Limit: limit}
	next, err := h.db.List(ctx, listing, func(key, value []byte) (bool, error) {
		position, record, err := layout.DecodeRecord(value)
		if err != nil {
			id, sequence := layout.AggregateOf(key), layout.SequenceOf(key)
			h.db.Damaged(fmt.Sprintf("event %d of %s", sequence, id), key, err, "it is listed with nothing but its place")
			record = h.unreadable(id, sequence)
		}
		if position > durable {
			return false, nil
		}
		page.Records = append(page.Records, record)
		return true, nil
	})
	if err != nil {
		return ports.RecordPage{}, fmt.Errorf("list events: %w", err)
	}
	page.Next = next
	return page, nil
}

// unreadable returns a record that only names an event, see [ports.Delivery].
func (h *History) unreadable(aggregateID uuid.UUID, sequence uint64) eventsourcing.Record {
	return eventsourcing.Record{Header: eventsourcing.Header{
		AggregateType: h.TypeOf(aggregateID), AggregateID: aggregateID, SequenceNumber: sequence,
		CreatedAt: eventsourcing.Timestamp(h.now()),
	}}
}

// TypeOf returns the type of an aggregate as its head says. It returns ports.LegacyAggregateType
// when there is no head.
func (h *History) TypeOf(aggregateID uuid.UUID) string {
	if head, found, err := h.Head(aggregateID); err == nil && found {
		return head.AggregateType
	}
	return ports.LegacyAggregateType
}
