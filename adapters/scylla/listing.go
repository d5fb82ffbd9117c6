package scylla

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/gocql/gocql"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/adapters/scylla/internal/paging"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

const (
	selectEvents       = `SELECT ` + recordColumns + ` FROM event_store`
	selectEventsRest   = selectEvents + ` WHERE aggregate_id = ? AND sequence_number > ? LIMIT ?`
	selectEventsBehind = selectEvents + ` WHERE token(aggregate_id) > token(?) LIMIT ?`
	selectOutbox       = `SELECT ` + recordColumns + ` FROM outbox_messages`
	eventListing       = "events"
	outboxListing      = "outbox"
	// recordPage is how many records are fetched at a time.
	recordPage = 500
)

// ListEvents implements [ports.RecordLister], aggregate by aggregate in the order of tokens.
func (s *Store) ListEvents(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	page, err := s.listEvents(ctx, after, limit)
	if err != nil {
		return ports.RecordPage{}, fmt.Errorf("list events: %w", err)
	}
	return page, nil
}

func (s *Store) listEvents(ctx context.Context, after ports.Cursor, limit int) (page ports.RecordPage, err error) {
	if limit, err = paging.Limit(limit); err != nil {
		return page, err
	}
	from, behind, err := s.beginListing(ctx, eventListing, after)
	if err != nil {
		return page, err
	}
	defer s.cluster.Leave()
	take := func(r eventsourcing.Record) { page.Records = append(page.Records, r) }
	if !behind {
		err = s.scanRecords(ctx, s.cluster.Query(ctx, selectEvents+` LIMIT ?`, limit+1), take)
	} else {
		err = s.scanRecords(ctx, s.cluster.Query(ctx, selectEventsRest, from.AggregateID, from.Sequence, limit+1), take)
		if left := limit + 1 - len(page.Records); err == nil && left > 0 {
			err = s.scanRecords(ctx, s.cluster.Query(ctx, selectEventsBehind, from.AggregateID, left), take)
		}
	}
	if err != nil {
		return ports.RecordPage{}, err
	}
	return cut(page.Records, limit, eventListing), nil
}

// ListOutbox implements [ports.RecordLister], in the order of creation. The table has no such
// order: each page reads all of it and keeps the oldest records after the cursor. So it needs
// little memory, but it scans all that the last day brought. It is for people who look, and not for
// programs.
func (s *Store) ListOutbox(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	page, err := s.listOutbox(ctx, after, limit)
	if err != nil {
		return ports.RecordPage{}, fmt.Errorf("list outbox: %w", err)
	}
	return page, nil
}

func (s *Store) listOutbox(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	limit, err := paging.Limit(limit)
	if err != nil {
		return ports.RecordPage{}, err
	}
	from, behind, err := s.beginListing(ctx, outboxListing, after)
	if err != nil {
		return ports.RecordPage{}, err
	}
	defer s.cluster.Leave()
	var oldest []eventsourcing.Record
	err = s.scanRecords(ctx, s.cluster.Query(ctx, selectOutbox), func(r eventsourcing.Record) {
		if behind && compareAge(placeIn(r), from) <= 0 {
			return
		}
		if len(oldest) > limit && compareAge(placeIn(r), placeIn(oldest[limit])) >= 0 {
			return
		}
		at, _ := slices.BinarySearchFunc(oldest, placeIn(r),
			func(r eventsourcing.Record, p paging.Place) int { return compareAge(placeIn(r), p) })
		oldest = slices.Insert(oldest, at, r)
		oldest = oldest[:min(len(oldest), limit+1)]
	})
	if err != nil {
		return ports.RecordPage{}, err
	}
	return cut(oldest, limit, outboxListing), nil
}

func placeIn(r eventsourcing.Record) paging.Place {
	return paging.Place{AggregateID: r.AggregateID, Sequence: int64(r.SequenceNumber), Millis: r.CreatedAt.UnixMilli()}
}

// compareAge orders records by time, and those of one aggregate by sequence number. Times never
// fall within a history.
func compareAge(a, b paging.Place) int {
	return cmp.Or(
		cmp.Compare(a.Millis, b.Millis),
		bytes.Compare(a.AggregateID[:], b.AggregateID[:]),
		cmp.Compare(a.Sequence, b.Sequence),
	)
}

// beginListing reads the cursor of a listing and enters the store; the caller leaves when the error
// is nil.
func (s *Store) beginListing(ctx context.Context, listing string, after ports.Cursor) (paging.Place, bool, error) {
	from, behind, err := paging.PlaceOf(listing, after)
	if err != nil {
		return paging.Place{}, false, err
	}
	return from, behind, s.cluster.Enter(ctx)
}

// scanRecords calls take with each record that q finds. Heartbeats are left out.
func (s *Store) scanRecords(ctx context.Context, q *gocql.Query, take func(eventsourcing.Record)) error {
	iter := q.PageSize(recordPage).Iter()
	var next row
	for iter.Scan(next.destinations()...) {
		if next.isBeat() {
			next = row{}
			continue
		}
		record, err := next.take()
		if err != nil {
			_ = iter.Close() // the rows that are left do not matter any more
			return err
		}
		take(record)
	}
	return cluster.Translate(ctx, iter.Close(), cluster.Read)
}

// cut makes a page of up to limit records out of up to one more.
func cut(records []eventsourcing.Record, limit int, listing string) ports.RecordPage {
	if len(records) <= limit {
		return ports.RecordPage{Records: records}
	}
	return ports.RecordPage{Records: records[:limit], Next: placeIn(records[limit-1]).Cursor(listing)}
}
