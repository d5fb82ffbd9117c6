package history

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/google/uuid"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// At searches the events at some positions of the feed, whose own rows cannot be read. An event
// that cannot be read either is a record that only names it. A position whose event is not found is
// absent from the result.
//
// Events cannot be found by their position otherwise, so At reads the whole event store. It ends
// when ctx or the DB does.
func (h *History) At(ctx context.Context, positions []uint64) (map[uint64]eventsourcing.Record, error) {
	s := search{history: h, wanted: map[uint64]bool{}, found: map[uint64]eventsourcing.Record{}}
	for _, position := range positions {
		s.wanted[position] = true
	}
	end := layout.PrefixEnd([]byte{layout.SpaceEvent})
	for from := []byte{layout.SpaceEvent}; from != nil && !s.done(); {
		last, err := h.walk(ctx, from, end, s.visit)
		if err == nil {
			break
		}
		if !errors.Is(err, ports.ErrCorrupt) {
			return nil, err
		}
		h.db.Damaged("event_store", last, err, "a search continues with the next aggregate")
		if from, err = h.nextAggregate(last); err != nil {
			return nil, err
		}
	}
	s.guess()
	return s.found, nil
}

// search is one pass through the event store.
type search struct {
	history *History
	wanted  map[uint64]bool
	found   map[uint64]eventsourcing.Record
	// unread are the rows that do not say their position.
	unread []unreadRow
	// aggregate and last are the aggregate and the position of the row before.
	aggregate uuid.UUID
	last      uint64
}

type unreadRow struct {
	aggregateID uuid.UUID
	sequence    uint64
	// after is the position of the event before it.
	after uint64
}

func (s *search) done() bool { return len(s.found) == len(s.wanted) }

// visit looks at a row. It returns false when everything has been found.
func (s *search) visit(key, value []byte) bool {
	id, sequence := layout.AggregateOf(key), layout.SequenceOf(key)
	if id != s.aggregate {
		s.aggregate, s.last = id, 0
	}
	position, body, err := layout.SplitRecord(value)
	if err != nil {
		s.unread = append(s.unread, unreadRow{id, sequence, s.last})
		return true
	}
	s.last = position
	if !s.wanted[position] {
		return true
	}
	record, err := body.Decode()
	if err != nil {
		record = s.history.unreadable(id, sequence)
	}
	s.found[position] = record
	return !s.done()
}

// guess gives each row that does not say its position a position for which nothing else was found.
// A wrong guess does no harm: a consumer then visits an aggregate that it has handled already.
func (s *search) guess() {
	open := slices.Sorted(maps.Keys(s.wanted))
	open = slices.DeleteFunc(open, func(position uint64) bool { _, ok := s.found[position]; return ok })
	for _, row := range s.unread {
		i, _ := slices.BinarySearch(open, row.after+1)
		if i == len(open) {
			continue
		}
		s.found[open[i]] = s.history.unreadable(row.aggregateID, row.sequence)
		open = slices.Delete(open, i, i+1)
	}
}

// walk calls each with the events in order, until it returns false. With an error it returns the
// last key that could be read, or from.
func (h *History) walk(ctx context.Context, from, end []byte, each func(key, value []byte) bool) (last []byte, err error) {
	it, err := h.db.Range(from, end)
	if err != nil {
		return from, err
	}
	last = from
	rows := 0
	for valid := it.First(); valid && err == nil; valid = it.Next() {
		last = slices.Clone(it.Key())
		if !each(it.Key(), it.Value()) {
			break
		}
		if rows++; rows%1024 == 0 {
			err = h.db.Interrupted(ctx)
		}
	}
	return last, errors.Join(err, engine.Translate(it.Close()))
}

// nextAggregate returns the key of the first event of the first aggregate after a key. It is nil
// when there is none.
func (h *History) nextAggregate(key []byte) ([]byte, error) {
	from := []byte{layout.SpaceHead}
	if len(key) >= 1+16 {
		from = layout.After(layout.HeadKey(layout.AggregateOf(key)))
	}
	it, err := h.db.Range(from, layout.PrefixEnd([]byte{layout.SpaceHead}))
	if err != nil {
		return nil, err
	}
	var next []byte
	if it.First() {
		next = layout.EventPrefix(layout.AggregateOf(it.Key()))
	}
	return next, engine.Translate(it.Close())
}
