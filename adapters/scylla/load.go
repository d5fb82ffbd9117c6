package scylla

import (
	"context"
	"errors"
	"fmt"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/adapters/scylla/internal/paging"
	"orderflow/domain/eventsourcing"
)

var errIncomplete = errors.New("a column without a value that every event has")

const (
	selectHistory = `SELECT ` + recordColumns + `, head FROM event_store WHERE aggregate_id = ? AND sequence_number > ?`
	selectPage    = selectHistory + ` LIMIT ?`
)

// Load implements [ports.EventStore].
func (s *Store) Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	records, err := s.load(ctx, aggregateID, after)
	if err != nil {
		return nil, fmt.Errorf("load %s after %d: %w", aggregateID, after, err)
	}
	return records, nil
}

func (s *Store) load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	if err := s.cluster.Enter(ctx); err != nil {
		return nil, err
	}
	defer s.cluster.Leave()
	return s.history(ctx, aggregateID, after, gocql.LocalQuorum)
}

// LoadPage implements [ports.HistoryPager].
func (s *Store) LoadPage(ctx context.Context, aggregateID uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error) {
	records, err := s.loadPage(ctx, aggregateID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("load %s after %d: %w", aggregateID, after, err)
	}
	return records, nil
}

func (s *Store) loadPage(ctx context.Context, aggregateID uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error) {
	limit, err := paging.Limit(limit)
	if err != nil {
		return nil, err
	}
	if err := s.cluster.Enter(ctx); err != nil {
		return nil, err
	}
	defer s.cluster.Leave()
	query := s.cluster.Query(ctx, selectPage, aggregateID, int64(after), limit)
	records, head, err := s.records(ctx, query, aggregateID, after)
	if err == nil && len(records) < limit {
		err = endsAtHead(records, head, aggregateID, after)
	}
	return records, err
}

// history reads page by page. A page shows the rows and the head of one moment, so the last record
// must be the head.
func (s *Store) history(
	ctx context.Context, aggregateID uuid.UUID, after uint64, level gocql.Consistency,
) ([]eventsourcing.Record, error) {
	query := s.cluster.Query(ctx, selectHistory, aggregateID, int64(after)).Consistency(level)
	records, head, err := s.records(ctx, query, aggregateID, after)
	if err == nil {
		err = endsAtHead(records, head, aggregateID, after)
	}
	return records, err
}

func endsAtHead(records []eventsourcing.Record, head int64, aggregateID uuid.UUID, after uint64) error {
	if last := after + uint64(len(records)); len(records) > 0 && last != uint64(head) {
		return cluster.Corrupt("history of %s: it ends at %d, but the head is %d", aggregateID, last, head)
	}
	return nil
}

// records returns the records that a query finds, and the head.
func (s *Store) records(
	ctx context.Context, query *gocql.Query, aggregateID uuid.UUID, after uint64,
) ([]eventsourcing.Record, int64, error) {
	iter := query.Iter()
	var records []eventsourcing.Record
	var next row
	var head int64
	for iter.Scan(next.destinations(&head)...) {
		record, err := next.take()
		if err != nil {
			_ = iter.Close() // the rows that are left do not matter any more
			return nil, 0, err
		}
		records = append(records, record)
	}
	if err := iter.Close(); err != nil {
		return nil, 0, cluster.Translate(ctx, err, cluster.Read)
	}
	if err := eventsourcing.CheckHistory(records, aggregateID, after); err != nil {
		return nil, 0, cluster.Corrupt("%w", err)
	}
	return records, head, nil
}
