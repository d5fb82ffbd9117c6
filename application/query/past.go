package query

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// RowAt folds the history up to moment, part by part, see ports.AggregateQueries.
func (q *Aggregates) RowAt(ctx context.Context, aggregateID uuid.UUID, moment ports.Moment) (projection.Row, error) {
	var state []byte
	var row projection.Row
	for at := uint64(0); ; {
		limit := foldPage
		if n := moment.SequenceNumber; n > 0 {
			limit = int(min(n-at, foldPage)) // n is above at, or the fold has ended
		}
		records, err := q.records(ctx, aggregateID, at, limit)
		if err != nil {
			return nil, err
		}
		past := upTo(records, moment)
		if len(past) > 0 {
			events, err := q.decode(past)
			if err != nil {
				return nil, err
			}
			step, err := q.config.Projection.Advance(state, events)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", q.config.Type, aggregateID, err)
			}
			state, at = step.State, past[len(past)-1].SequenceNumber
			switch {
			case len(step.Put) == 1:
				row = step.Put[0]
			case len(step.Put)+len(step.Delete) > 0:
				row = nil
			}
		}
		switch n := moment.SequenceNumber; {
		case len(past) == len(records) && len(records) == limit && at != n:
			continue
		case at < n:
			return nil, fmt.Errorf("%s %s: %w", q.config.Type, aggregateID,
				&ports.BeyondHeadError{AggregateID: aggregateID, SequenceNumber: n, Head: at})
		case at == 0:
			return nil, fmt.Errorf("%s %s at that moment: %w", q.config.Type, aggregateID, ports.ErrNotFound)
		case row == nil: // a history that does not begin with the creation of its aggregate
			return nil, fmt.Errorf("%s %s: its history gives no row: %w", q.config.Type, aggregateID, ports.ErrCorrupt)
		default:
			return row, nil
		}
	}
}

// foldPage is how many events are folded at once.
const foldPage = 500

// upTo returns the records that had happened at moment.
func upTo(records []eventsourcing.Record, moment ports.Moment) []eventsourcing.Record {
	for i, r := range records {
		if n := moment.SequenceNumber; n > 0 && r.SequenceNumber > n || n == 0 && r.CreatedAt.After(moment.Time) {
			return records[:i]
		}
	}
	return records
}
