package query

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"orderflow/application/snapshot"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// RowAt folds the history up to moment, part by part, see ports.AggregateQueries.
func (q *Aggregates) RowAt(ctx context.Context, aggregateID uuid.UUID, moment ports.Moment) (projection.Row, error) {
	kept, at, records := q.saved(ctx, aggregateID, moment)
	begun := at
	for ; ; records = nil {
		limit := foldPage
		if n := moment.SequenceNumber; n > 0 {
			limit = int(min(n-at, foldPage)) // n is above at, or the fold has ended
		}
		if records == nil {
			var err error
			if records, err = q.records(ctx, aggregateID, at, limit); err != nil {
				return nil, err
			}
		}
		past := upTo(records, moment)
		if len(past) > 0 {
			events, err := q.decode(past)
			if err != nil {
				return nil, err
			}
			if _, kept, err = q.config.Projection.Continue(kept, events); err != nil {
				return nil, fmt.Errorf("%s %s: %w", q.config.Type, aggregateID, err)
			}
			at = past[len(past)-1].SequenceNumber
		}
		rows := kept.Rows()
		switch n := moment.SequenceNumber; {
		case len(past) == len(records) && len(records) == limit && at != n:
			continue
		case at < n:
			return nil, fmt.Errorf("%s %s: %w", q.config.Type, aggregateID,
				&ports.BeyondHeadError{AggregateID: aggregateID, SequenceNumber: n, Head: at})
		case at == 0:
			return nil, fmt.Errorf("%s %s at that moment: %w", q.config.Type, aggregateID, ports.ErrNotFound)
		case len(rows) != 1: // a history that does not begin with the creation of its aggregate
			return nil, fmt.Errorf("%s %s: its history gives no row: %w", q.config.Type, aggregateID, ports.ErrCorrupt)
		}
		if at-begun >= snapshotEach {
			q.config.Snapshots.Note(aggregateID, begun, at)
		}
		return rows[0], nil
	}
}

// foldPage is how many events are folded at once.
const foldPage = 500

// saved returns what a snapshot before moment says, its sequence number, and the first part of the
// events after it. These are zero when there is none.
func (q *Aggregates) saved(
	ctx context.Context, aggregateID uuid.UUID, moment ports.Moment,
) (projection.Kept, uint64, []eventsourcing.Record) {
	found := q.before(ctx, aggregateID, moment)
	at := found.SequenceNumber
	if at == 0 {
		return projection.Kept{}, 0, nil
	}
	limit := foldPage
	if n := moment.SequenceNumber; n > 0 {
		limit = int(min(n-at, foldPage))
	}
	records, err := q.records(ctx, aggregateID, at-1, limit+1)
	if err != nil || !q.config.Snapshots.Follows(found, records) {
		return projection.Kept{}, 0, nil
	}
	kept, err := q.config.Projection.Open(stateIn(found.Data))
	if err != nil {
		q.config.Snapshots.Discard(snapshot.UnfitUnreadable)
		return projection.Kept{}, 0, nil
	}
	return kept, at, records[1:]
}

// upTo returns the records that had happened at moment.
func upTo(records []eventsourcing.Record, moment ports.Moment) []eventsourcing.Record {
	for i, r := range records {
		if n := moment.SequenceNumber; n > 0 && r.SequenceNumber > n || n == 0 && r.CreatedAt.After(moment.Time) {
			return records[:i]
		}
	}
	return records
}
