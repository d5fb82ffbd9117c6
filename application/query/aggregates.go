package query

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

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

// AggregatesConfig is what [Aggregates] needs. All fields are required.
type AggregatesConfig struct {
	Views ports.ViewReader
	Live  ports.LiveViews
	Store ports.EventStore
	Codec ports.Decoder
	// Type is the aggregate type.
	Type string
	// Projection keeps at most one row for each aggregate of that type. The only key column of its
	// table is the aggregate id, and the table has a column sequence_number.
	Projection *projection.Projection
}

// Aggregates implements ports.AggregateQueries.
type Aggregates struct {
	config AggregatesConfig
}

var _ ports.AggregateQueries = (*Aggregates)(nil)

// NewAggregates returns an Aggregates.
func NewAggregates(config AggregatesConfig) *Aggregates { return &Aggregates{config: config} }

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
		if err := portkit.Sleep(ctx, min(pause, left)); err != nil {
			return nil, fmt.Errorf("%s %s: %w", q.config.Type, aggregateID, err)
		}
	}
}

// read returns the row of an aggregate and its sequence number. It returns nil and 0 when there is
// no row.
func (q *Aggregates) read(ctx context.Context, aggregateID uuid.UUID) (projection.Row, uint64, error) {
	p := q.config.Projection
	page, err := q.config.Views.Rows(ctx, ports.RowQuery{
		View: q.config.Live.LiveView(p.Name), Table: p.Table, Prefix: []any{aggregateID}, Limit: 1,
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

// RowAt folds the history up to moment, see ports.AggregateQueries.
func (q *Aggregates) RowAt(ctx context.Context, aggregateID uuid.UUID, moment ports.Moment) (projection.Row, error) {
	records, err := q.history(ctx, aggregateID)
	if err != nil {
		return nil, err
	}
	if n := moment.SequenceNumber; n > uint64(len(records)) {
		return nil, fmt.Errorf("%s %s: %w", q.config.Type, aggregateID,
			&ports.BeyondHeadError{AggregateID: aggregateID, SequenceNumber: n, Head: uint64(len(records))})
	}
	past := upTo(records, moment)
	if len(past) == 0 {
		return nil, fmt.Errorf("%s %s at that moment: %w", q.config.Type, aggregateID, ports.ErrNotFound)
	}
	events, err := q.decode(past)
	if err != nil {
		return nil, err
	}
	step, err := q.config.Projection.Advance(nil, events)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", q.config.Type, aggregateID, err)
	case len(step.Put) != 1: // a history that does not begin with the creation of its aggregate
		return nil, fmt.Errorf("%s %s: its history gives %d rows and not one: %w",
			q.config.Type, aggregateID, len(step.Put), ports.ErrCorrupt)
	}
	return step.Put[0], nil
}

// Events returns the whole history, see ports.AggregateQueries.
func (q *Aggregates) Events(ctx context.Context, aggregateID uuid.UUID) ([]eventsourcing.Envelope[any], error) {
	records, err := q.history(ctx, aggregateID)
	if err != nil {
		return nil, err
	}
	return q.decode(records)
}

func (q *Aggregates) history(ctx context.Context, aggregateID uuid.UUID) ([]eventsourcing.Record, error) {
	records, err := q.config.Store.Load(ctx, aggregateID, 0)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", q.config.Type, aggregateID, err)
	}
	if len(records) == 0 || records[0].AggregateType != q.config.Type {
		return nil, fmt.Errorf("%s %s: %w", q.config.Type, aggregateID, ports.ErrNotFound)
	}
	if err := eventsourcing.CheckHistory(records, aggregateID, 0); err != nil {
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

// upTo returns the part of a history that had happened at moment. It returns nothing when the
// aggregate did not exist then. The history has at least as many events as moment names.
func upTo(records []eventsourcing.Record, moment ports.Moment) []eventsourcing.Record {
	if n := moment.SequenceNumber; n > 0 {
		return records[:n]
	}
	for i, r := range records {
		if r.CreatedAt.After(moment.Time) {
			return records[:i]
		}
	}
	return records
}
