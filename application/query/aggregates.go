package query

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"orderflow/application/snapshot"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// The pauses of a waiting read. A view is usually a few milliseconds behind. A view that is further
// behind does not catch up faster when it is read more often.
const (
	shortestPause = time.Millisecond
	longestPause  = 50 * time.Millisecond
)

const (
	// readPage is how many events are read at once.
	readPage = 100
	// pageBytes is how many bytes of events are enough for one answer.
	pageBytes = 4 << 20
)

// AggregatesConfig is what [Aggregates] needs. All fields but Snapshots are required.
type AggregatesConfig struct {
	Views ports.ViewReader
	Live  ports.LiveViews
	Store ports.HistoryPager
	Codec ports.Decoder
	// Type is the aggregate type.
	Type string
	// Projection keeps at most one row for each aggregate of that type. The only key column of its
	// table is the aggregate id, and the table has a column sequence_number.
	Projection *projection.Projection
	// Snapshots shorten reads of the past. They are those of [Snapshot]. Nil uses none.
	Snapshots *snapshot.Shelf
}

// Aggregates implements ports.AggregateQueries.
type Aggregates struct {
	config AggregatesConfig
	// waiting counts the reads that wait for the view.
	waiting atomic.Int64
}

var _ ports.AggregateQueries = (*Aggregates)(nil)

// NewAggregates returns an Aggregates.
func NewAggregates(config AggregatesConfig) *Aggregates { return &Aggregates{config: config} }

// Waiting returns how many reads wait for the view now. It is safe for concurrent use.
func (q *Aggregates) Waiting() int { return int(q.waiting.Load()) }

// Row returns the row of the view, see ports.AggregateQueries. It reads the view at least once, and
// once more when the time is over.
func (q *Aggregates) Row(
	ctx context.Context, aggregateID uuid.UUID, minSequence uint64, wait time.Duration,
) (projection.Row, error) {
	deadline := time.Now().Add(wait)
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		row, at, err := q.read(ctx, aggregateID)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", q.config.Type, aggregateID, err)
		}
		left := time.Until(deadline)
		switch {
		case at >= minSequence && row == nil:
			return nil, fmt.Errorf("%s %s: %w", q.config.Type, aggregateID, ports.ErrNotFound)
		case at >= minSequence:
			return row, nil
		case left <= 0:
			return nil, fmt.Errorf("%s %s: %s is at sequence number %d, not yet at %d: %w",
				q.config.Type, aggregateID, q.config.Projection.Table.Name, at, minSequence, ports.ErrUnavailable)
		}
		if pause == shortestPause { // the first wait
			q.waiting.Add(1)
			defer q.waiting.Add(-1)
		}
		if err := portkit.Sleep(ctx, min(pause, left)); err != nil {
			return nil, fmt.Errorf("%s %s: %w", q.config.Type, aggregateID, err)
		}
	}
}

// read returns the row of an aggregate and its sequence number. It returns nil and 0 when there is
// no row.
func (q *Aggregates) read(ctx context.Context, aggregateID uuid.UUID) (projection.Row, uint64, error) {
	p := q.config.Projection
	view := q.config.Live.LiveView(p.Name)
	page, err := q.config.Views.Rows(ctx, ports.RowQuery{
		View: view, Table: p.TableOf(q.config.Live.VersionOf(view)), Prefix: []any{aggregateID}, Limit: 1,
	})
	if err != nil || len(page.Rows) == 0 {
		return nil, 0, err
	}
	row := page.Rows[0]
	at, ok := p.Table.Get(row, "sequence_number").(int64)
	if !ok || at < 1 {
		return nil, 0, fmt.Errorf("row without a sequence number: %w", ports.ErrCorrupt)
	}
	return row, uint64(at), nil
}

// Events returns a part of the history, see ports.AggregateQueries.
func (q *Aggregates) Events(ctx context.Context, aggregateID uuid.UUID, after uint64, limit int) (ports.EventPage, error) {
	var page ports.EventPage
	for bytes, at := 0, after; ; {
		records, err := q.records(ctx, aggregateID, at, min(limit-len(page.Events), readPage)+1)
		if err != nil {
			return ports.EventPage{}, err
		}
		if page.More = len(records) > min(limit-len(page.Events), readPage); page.More {
			records = records[:len(records)-1]
		}
		events, err := q.decode(records)
		if err != nil {
			return ports.EventPage{}, err
		}
		page.Events = append(page.Events, events...)
		for _, r := range records {
			bytes, at = bytes+len(r.Payload), r.SequenceNumber
		}
		if !page.More || len(page.Events) >= limit || bytes >= pageBytes {
			return page, nil
		}
	}
}

// records reads a part of a history. It returns ErrNotFound when there is no such aggregate.
func (q *Aggregates) records(
	ctx context.Context, aggregateID uuid.UUID, after uint64, limit int,
) ([]eventsourcing.Record, error) {
	records, err := q.config.Store.LoadPage(ctx, aggregateID, after, limit)
	first := records
	if err == nil && len(records) == 0 && after > 0 {
		first, err = q.config.Store.LoadPage(ctx, aggregateID, 0, 1)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", q.config.Type, aggregateID, err)
	}
	if len(first) == 0 || first[0].AggregateType != q.config.Type {
		return nil, fmt.Errorf("%s %s: %w", q.config.Type, aggregateID, ports.ErrNotFound)
	}
	if err := eventsourcing.CheckHistory(records, aggregateID, after); err != nil {
		return nil, fmt.Errorf("%w: %w", err, ports.ErrCorrupt)
	}
	return records, nil
}

func (q *Aggregates) decode(records []eventsourcing.Record) ([]projection.Event, error) {
	events := make([]projection.Event, 0, len(records))
	for _, r := range records {
		event, err := q.config.Codec.Decode(r)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", q.config.Type, r.AggregateID, err)
		}
		events = append(events, event)
	}
	return events, nil
}
