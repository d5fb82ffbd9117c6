package scylla

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"orderflow/ports"
)

const (
	// selectHeads reads one static column of each partition, in the order of tokens. The server reads several ranges of tokens at
	// the same time, more the emptier they are.
	selectHeads       = `SELECT DISTINCT aggregate_id, head FROM event_store LIMIT ?`
	selectHeadsBehind = `SELECT DISTINCT aggregate_id, head FROM event_store WHERE token(aggregate_id) > token(?) LIMIT ?`
	headListing       = "heads"
	// headPage is how many heads are fetched at a time.
	headPage = 1000
)

// ScanHeads implements [ports.HeadScanner], in the order of tokens: a cursor is the last aggregate id. (Two ids with the same
// token would have to meet at the end of a page for one to be skipped. Tokens have 64 bits.)
func (s *Store) ScanHeads(ctx context.Context, after ports.Cursor, limit int) (ports.HeadPage, error) {
	page, err := s.scanHeads(ctx, after, limit)
	if err != nil {
		return ports.HeadPage{}, fmt.Errorf("scan heads: %w", err)
	}
	return page, nil
}

func (s *Store) scanHeads(ctx context.Context, after ports.Cursor, limit int) (ports.HeadPage, error) {
	limit, err := checkLimit(limit)
	if err != nil {
		return ports.HeadPage{}, err
	}
	from, behind, err := eventPlaceOf(headListing, after)
	if err != nil {
		return ports.HeadPage{}, err
	}
	if err := s.enter(ctx); err != nil {
		return ports.HeadPage{}, err
	}
	defer s.calls.leave()
	q := s.query(ctx, selectHeads, limit+1)
	if behind {
		q = s.query(ctx, selectHeadsBehind, from.AggregateID, limit+1)
	}
	iter := q.PageSize(headPage).Iter()
	var page ports.HeadPage
	var id uuid.UUID
	var head *int64
	for iter.Scan(&id, &head) {
		if head == nil {
			_ = iter.Close() // the rows that are left do not matter any more
			return ports.HeadPage{}, corrupt("%s has events and no head", id)
		}
		page.Heads = append(page.Heads, ports.Head{AggregateID: id, SequenceNumber: uint64(*head)})
	}
	if err := iter.Close(); err != nil {
		return ports.HeadPage{}, translate(err, read)
	}
	if len(page.Heads) > limit {
		page.Heads = page.Heads[:limit]
		page.Next = eventPlace{AggregateID: page.Heads[limit-1].AggregateID}.cursor(headListing)
	}
	return page, nil
}
