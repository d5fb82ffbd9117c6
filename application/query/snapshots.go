package query

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/application/snapshot"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// SnapshotName is the name of the snapshots of [Aggregates].
const SnapshotName = "row"

// snapshotEach is the number of events between two snapshots of a history. It is what a read of the
// past folds at most, besides what has no snapshot yet.
const snapshotEach = foldPage

// Snapshot is what [Aggregates.RowAt] needs of a history, as snapshots. They are kept at several
// places of it.
func Snapshot(aggregateType string, p *projection.Projection, codec ports.Decoder) snapshot.Kind {
	return snapshot.Kind{
		Name: SnapshotName, AggregateType: aggregateType, Version: p.Version, Each: snapshotEach,
		Fold: func(data []byte, records []eventsourcing.Record) ([]byte, error) {
			latest, kept := time.Time{}, projection.Kept{}
			if data != nil {
				latest = latestIn(data)
				var err error
				if kept, err = p.Open(stateIn(data)); err != nil {
					return nil, err
				}
			}
			events := make([]projection.Event, len(records))
			for i, r := range records {
				var err error
				if events[i], err = codec.Decode(r); err != nil {
					return nil, fmt.Errorf("%s %s: %w", aggregateType, r.AggregateID, err)
				}
				if r.CreatedAt.After(latest) {
					latest = r.CreatedAt
				}
			}
			step, _, err := p.Continue(kept, events)
			if err != nil {
				return nil, err
			}
			return append(binary.BigEndian.AppendUint64(nil, uint64(latest.UnixMilli())), step.State...), nil
		},
	}
}

// The data of a snapshot is the latest time of its events, in milliseconds since 1970, and the
// state of the projection.
const timeBytes = 8

func latestIn(data []byte) time.Time {
	if len(data) < timeBytes {
		return time.Time{}
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(data))).UTC()
}

func stateIn(data []byte) []byte { return data[min(timeBytes, len(data)):] }

// before returns the newest snapshot all of whose events had happened at moment. For a time it is
// searched by halves: the latest time in a snapshot never falls with its sequence number.
func (q *Aggregates) before(ctx context.Context, aggregateID uuid.UUID, moment ports.Moment) (best snapshot.Found) {
	shelf := q.config.Snapshots
	switch n := moment.SequenceNumber; {
	case shelf == nil || n > 0 && n <= snapshotEach:
		return best
	case n > 0:
		return shelf.At(ctx, aggregateID, n-1)
	}
	newest := shelf.Newest(ctx, aggregateID)
	if newest.SequenceNumber == 0 || !latestIn(newest.Data).After(moment.Time) {
		return newest
	}
	for low, high := uint64(0), newest.SequenceNumber-1; low < high; {
		middle := low + (high-low+1)/2
		found := shelf.At(ctx, aggregateID, middle)
		if found.SequenceNumber > low && latestIn(found.Data).After(moment.Time) {
			high = found.SequenceNumber - 1
			continue
		}
		if found.SequenceNumber > low {
			best = found
		}
		low = middle // nothing else is between the two
	}
	return best
}
