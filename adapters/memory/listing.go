package memory

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// The names of listings, whose cursors must not be mixed up.
const (
	listHeads  = "heads"
	listEvents = "events"
	listOutbox = "outbox"
)

// ScanHeads implements [ports.HeadScanner], in the order of the first appends.
func (s *Store) ScanHeads(ctx context.Context, after ports.Cursor, limit int) (ports.HeadPage, error) {
	page, err := s.scanHeads(ctx, after, limit)
	if err != nil {
		return ports.HeadPage{}, fmt.Errorf("scan heads: %w", err)
	}
	return page, nil
}

func (s *Store) scanHeads(ctx context.Context, after ports.Cursor, limit int) (ports.HeadPage, error) {
	seen, err := numberOf(listHeads, after, limit)
	if err != nil {
		return ports.HeadPage{}, err
	}
	if err := s.enter(ctx); err != nil {
		return ports.HeadPage{}, err
	}
	defer s.mu.Unlock()
	all := uint64(len(s.data.aggregates))
	if seen > all {
		return ports.HeadPage{}, portkit.BadCursor(after)
	}
	end := min(seen+uint64(limit), all)
	var page ports.HeadPage
	for _, id := range s.data.aggregates[seen:end] {
		page.Heads = append(page.Heads, ports.Head{
			AggregateType: s.data.histories[id][0].AggregateType, AggregateID: id,
			SequenceNumber: uint64(len(s.data.histories[id])),
		})
	}
	if end < all {
		page.Next = portkit.CursorAt(listHeads, strconv.FormatUint(end, 10))
	}
	return page, nil
}

// ListOutbox implements [ports.RecordLister].
func (s *Store) ListOutbox(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	page, err := s.listOutbox(ctx, after, limit)
	if err != nil {
		return ports.RecordPage{}, fmt.Errorf("list outbox: %w", err)
	}
	return page, nil
}

func (s *Store) listOutbox(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	seen, err := numberOf(listOutbox, after, limit)
	if err != nil {
		return ports.RecordPage{}, err
	}
	if err := s.enter(ctx); err != nil {
		return ports.RecordPage{}, err
	}
	defer s.mu.Unlock()
	if seen > s.data.end() {
		return ports.RecordPage{}, portkit.BadCursor(after)
	}
	seen = max(seen, s.data.expired)
	end := min(seen+uint64(limit), s.data.end())
	var page ports.RecordPage
	for number := seen + 1; number <= end; number++ {
		page.Records = append(page.Records, s.data.message(number).record.Clone())
	}
	if end < s.data.end() {
		page.Next = portkit.CursorAt(listOutbox, strconv.FormatUint(end, 10))
	}
	return page, nil
}

// ListEvents implements [ports.RecordLister], the aggregates in the order of their first appends.
func (s *Store) ListEvents(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	page, err := s.listEvents(ctx, after, limit)
	if err != nil {
		return ports.RecordPage{}, fmt.Errorf("list events: %w", err)
	}
	return page, nil
}

func (s *Store) listEvents(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	first, sequence, err := eventPlaceOf(after, limit)
	if err != nil {
		return ports.RecordPage{}, err
	}
	if err := s.enter(ctx); err != nil {
		return ports.RecordPage{}, err
	}
	defer s.mu.Unlock()
	if first > uint64(len(s.data.aggregates)) {
		return ports.RecordPage{}, portkit.BadCursor(after)
	}
	var records []eventsourcing.Record
	for i, id := range s.data.aggregates[first:] {
		for _, record := range behind(s.data.histories[id], sequence) {
			if len(records) == limit {
				place := fmt.Sprintf("%d/%d", first+uint64(i), record.SequenceNumber-1)
				return ports.RecordPage{Records: records, Next: portkit.CursorAt(listEvents, place)}, nil
			}
			records = append(records, record.Clone())
		}
		sequence = 0
	}
	return ports.RecordPage{Records: records}, nil
}

// eventPlaceOf reads a cursor of ListEvents: the number of aggregates that are finished, and the
// last event of the next aggregate that was listed.
func eventPlaceOf(after ports.Cursor, limit int) (aggregates, sequence uint64, err error) {
	if err := portkit.CheckLimit(limit); err != nil {
		return 0, 0, err
	}
	place, err := portkit.PlaceOf(listEvents, after)
	if place == "" || err != nil {
		return 0, 0, err
	}
	a, b, _ := strings.Cut(place, "/")
	aggregates, errA := strconv.ParseUint(a, 10, 64)
	sequence, errB := strconv.ParseUint(b, 10, 64)
	if errA != nil || errB != nil {
		return 0, 0, portkit.BadCursor(after)
	}
	return aggregates, sequence, nil
}

// numberOf reads a cursor that is the number of entries seen so far.
func numberOf(listing string, after ports.Cursor, limit int) (uint64, error) {
	if err := portkit.CheckLimit(limit); err != nil {
		return 0, err
	}
	place, err := portkit.PlaceOf(listing, after)
	if place == "" || err != nil {
		return 0, err
	}
	seen, err := strconv.ParseUint(place, 10, 64)
	if err != nil {
		return 0, portkit.BadCursor(after)
	}
	return seen, nil
}
