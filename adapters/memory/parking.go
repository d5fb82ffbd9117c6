package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"orderflow/ports"
	"orderflow/ports/portkit"
)

// Park implements [ports.ParkingLot].
func (s *Store) Park(ctx context.Context, parked ports.ParkedAggregate) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("park %s for %s: %w", parked.AggregateID, parked.Consumer, err)
	}
	defer s.mu.Unlock()
	orders := s.data.parked[parked.Consumer]
	if orders == nil {
		orders = map[uuid.UUID]ports.ParkedAggregate{}
		s.data.parked[parked.Consumer] = orders
	}
	orders[parked.AggregateID] = parked
	return nil
}

// Unpark implements [ports.ParkingLot].
func (s *Store) Unpark(ctx context.Context, consumer string, orderID uuid.UUID) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("unpark %s for %s: %w", orderID, consumer, err)
	}
	defer s.mu.Unlock()
	delete(s.data.parked[consumer], orderID)
	return nil
}

// Parked implements [ports.ParkingLot]. It lists in the order of the aggregate ids.
func (s *Store) Parked(ctx context.Context, consumer string, after ports.Cursor, limit int) (ports.ParkedPage, error) {
	page, err := s.listParked(ctx, consumer, after, limit)
	if err != nil {
		return ports.ParkedPage{}, fmt.Errorf("parked aggregates of %s: %w", consumer, err)
	}
	return page, nil
}

func (s *Store) listParked(ctx context.Context, consumer string, after ports.Cursor, limit int) (ports.ParkedPage, error) {
	listing := fmt.Sprintf("parked %q", consumer)
	place, err := eventAt(listing, after, limit)
	if err != nil {
		return ports.ParkedPage{}, err
	}
	if err := s.enter(ctx); err != nil {
		return ports.ParkedPage{}, err
	}
	defer s.mu.Unlock()
	var page ports.ParkedPage
	for _, id := range slices.SortedFunc(maps.Keys(s.data.parked[consumer]), compareIDs) {
		switch {
		case after != "" && compareIDs(id, place.orderID) <= 0:
		case len(page.Aggregates) == limit:
			page.Next = event{orderID: page.Aggregates[limit-1].AggregateID}.cursor(listing)
			return page, nil
		default:
			page.Aggregates = append(page.Aggregates, s.data.parked[consumer][id])
		}
	}
	return page, nil
}

// RecordSkip implements [ports.SkipLog].
func (s *Store) RecordSkip(ctx context.Context, skip ports.Skip) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("record that %s skips %s at %d: %w", skip.Consumer, skip.AggregateID, skip.SequenceNumber, err)
	}
	defer s.mu.Unlock()
	skips := s.data.skips[skip.Consumer]
	if skips == nil {
		skips = map[event]ports.Skip{}
		s.data.skips[skip.Consumer] = skips
	}
	skips[event{skip.AggregateID, skip.SequenceNumber}] = skip
	return nil
}

// ForgetSkip implements [ports.SkipLog].
func (s *Store) ForgetSkip(ctx context.Context, consumer string, aggregateID uuid.UUID, sequence uint64) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("forget that %s skips %s at %d: %w", consumer, aggregateID, sequence, err)
	}
	defer s.mu.Unlock()
	delete(s.data.skips[consumer], event{aggregateID, sequence})
	return nil
}

// Skips implements [ports.SkipLog]. It lists in the order of the aggregate ids.
func (s *Store) Skips(ctx context.Context, q ports.SkipQuery) (ports.SkipPage, error) {
	page, err := s.listSkips(ctx, q)
	if err != nil {
		return ports.SkipPage{}, fmt.Errorf("skips of %s: %w", q.Consumer, err)
	}
	return page, nil
}

func (s *Store) listSkips(ctx context.Context, q ports.SkipQuery) (ports.SkipPage, error) {
	listing := fmt.Sprintf("skips %q %s", q.Consumer, q.AggregateID)
	place, err := eventAt(listing, q.After, q.Limit)
	if err != nil {
		return ports.SkipPage{}, err
	}
	if err := s.enter(ctx); err != nil {
		return ports.SkipPage{}, err
	}
	defer s.mu.Unlock()
	var page ports.SkipPage
	for _, e := range slices.SortedFunc(maps.Keys(s.data.skips[q.Consumer]), event.compare) {
		switch {
		case q.AggregateID != uuid.Nil && e.orderID != q.AggregateID:
		case q.After != "" && e.compare(place) <= 0:
		case len(page.Skips) == q.Limit:
			last := page.Skips[q.Limit-1]
			page.Next = event{last.AggregateID, last.SequenceNumber}.cursor(listing)
			return page, nil
		default:
			page.Skips = append(page.Skips, s.data.skips[q.Consumer][e])
		}
	}
	return page, nil
}

// event is the place of an event in the history of its aggregate.
type event struct {
	orderID  uuid.UUID
	sequence uint64
}

func (e event) compare(other event) int {
	return cmp.Or(compareIDs(e.orderID, other.orderID), cmp.Compare(e.sequence, other.sequence))
}

func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

// cursor returns a cursor after the event. eventAt is its inverse.
func (e event) cursor(listing string) ports.Cursor {
	return portkit.CursorAt(listing, fmt.Sprintf("%s/%d", e.orderID, e.sequence))
}

func eventAt(listing string, cursor ports.Cursor, limit int) (event, error) {
	if err := portkit.CheckLimit(limit); err != nil {
		return event{}, err
	}
	place, err := portkit.PlaceOf(listing, cursor)
	if place == "" || err != nil {
		return event{}, err
	}
	id, number, _ := strings.Cut(place, "/")
	orderID, errID := uuid.Parse(id)
	sequence, errNumber := strconv.ParseUint(number, 10, 64)
	if errID != nil || errNumber != nil {
		return event{}, portkit.BadCursor(cursor)
	}
	return event{orderID, sequence}, nil
}
