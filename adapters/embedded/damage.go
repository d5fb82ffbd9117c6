package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// mostDamage bounds what is remembered of damage. When there is more, it is forgotten, found and logged again.
const mostDamage = 10_000

// damage remembers what could not be read, so that each row is logged and counted once, and salvaged once.
type damage struct {
	mu    sync.Mutex
	seen  map[string]bool
	rows  uint64
	saved map[uint64]entry
	// salvaging has room for one value: one caller at a time searches the event store.
	salvaging chan struct{}
}

func newDamage() damage {
	return damage{seen: map[string]bool{}, saved: map[uint64]entry{}, salvaging: make(chan struct{}, 1)}
}

// note logs and counts a row that cannot be read, and says what is done without it. The key of a row of a view names customers,
// so it is not logged.
func (s *Store) note(what string, key []byte, err error, instead string) {
	d := &s.damage
	d.mu.Lock()
	if len(d.seen) >= mostDamage {
		clear(d.seen)
	}
	known := d.seen[string(key)]
	d.seen[string(key)] = true
	if !known {
		d.rows++
	}
	d.mu.Unlock()
	if known {
		return
	}
	log := s.log.With("dir", s.dir, "row", what, "error", err)
	if key[0] != spaceRow {
		log = log.With("key", fmt.Sprintf("%x", key))
	}
	log.Error("a stored row cannot be read: " + instead)
}

// Stats are figures about a store, since it was opened.
type Stats struct {
	// DamagedRows counts the stored rows that could not be read.
	DamagedRows uint64
	// FreeBytes is the free space of the disk, as far as it is known.
	FreeBytes uint64
	// Full tells whether writes are refused for want of room, and Failed whether they are because one has failed.
	Full, Failed bool
}

// Stats returns figures about the store. It does no I/O.
func (s *Store) Stats() Stats {
	s.damage.mu.Lock()
	rows := s.damage.rows
	s.damage.mu.Unlock()
	return Stats{
		DamagedRows: rows, FreeBytes: s.space.free.Load(), Full: s.space.short.Load() != nil, Failed: s.failure.cause.Load() != nil,
	}
}

// unreadable is what stands for a record whose bytes cannot be read: no more than its place. A consumer reads the event
// store there, see [ports.Delivery].
func (s *Store) unreadable(aggregateID uuid.UUID, sequence uint64) eventsourcing.Record {
	aggregateType := ports.LegacyAggregateType
	if h, found, err := s.head(aggregateID); err == nil && found {
		aggregateType = h.aggregateType
	}
	return eventsourcing.Record{Header: eventsourcing.Header{
		AggregateType: aggregateType, AggregateID: aggregateID, SequenceNumber: sequence, CreatedAt: fromMillis(s.options.Now().UnixMilli()),
	}}
}

// salvage reads a page of the outbox, from a position on, of which at least one row cannot be read. What is lost is replaced by
// the record as it is in the event store, or by one that names the event only; an entry that is lost was found
// nowhere.
func (s *Store) salvage(ctx context.Context, from, durable uint64) ([]entry, error) {
	select {
	case s.damage.salvaging <- struct{}{}:
		defer func() { <-s.damage.salvaging }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.closing:
		return nil, ports.ErrClosed
	}
	var page []entry
	lost := map[uint64]int{} // by position, where in the page
	for position := from; position <= durable && len(page) < pageEntries; position++ {
		e, err := s.outboxEntry(position)
		if err != nil && !errors.Is(err, ports.ErrCorrupt) {
			return nil, err
		}
		if err != nil {
			if saved, ok := s.saved(position); ok {
				e = saved
			} else {
				lost[position] = len(page)
			}
		}
		page = append(page, e)
	}
	if from < s.oldest.Load() {
		return nil, ports.ErrOffsetExpired // meanwhile, so that rows are missing
	}
	if len(lost) == 0 {
		return page, nil
	}
	found, err := s.findEvents(ctx, lost)
	if err != nil {
		return nil, err
	}
	for position, at := range lost {
		page[at] = found[position]
		s.save(position, page[at])
	}
	return page, nil
}

// outboxEntry reads one row of the outbox. It is ports.ErrCorrupt when the row cannot be read, or is not there.
func (s *Store) outboxEntry(position uint64) (entry, error) {
	value, err := s.get(outboxKey(position))
	if err != nil {
		return entry{}, translate(err)
	}
	if value == nil {
		return entry{}, corrupt(errors.New("the row is missing"))
	}
	format, at, body, err := splitRecord(value)
	if err != nil {
		return entry{}, corrupt(err)
	}
	record, err := decodeBody(format, body)
	if err != nil {
		return entry{}, corrupt(err)
	}
	return entry{at: int64(at), record: &record}, nil
}

func (s *Store) saved(position uint64) (entry, bool) {
	s.damage.mu.Lock()
	defer s.damage.mu.Unlock()
	e, ok := s.damage.saved[position]
	return e, ok
}

func (s *Store) save(position uint64, e entry) {
	instead := "the consumers get the event as the event store has it"
	if e.lost() {
		instead = "no event of the event store is at its position, so it is passed over, and the check of the consumers in the " +
			"background will find which aggregate lacks it"
	}
	s.note(fmt.Sprintf("outbox %d", position), outboxKey(position), ports.ErrCorrupt, instead)
	s.damage.mu.Lock()
	defer s.damage.mu.Unlock()
	if len(s.damage.saved) >= mostDamage {
		clear(s.damage.saved)
	}
	s.damage.saved[position] = e
}

// search is one pass through the event store for the events at some positions of the feed.
type search struct {
	wanted map[uint64]int
	found  map[uint64]entry
	// unread are the rows that do not say their position, and last is where the event before each of them is.
	unread []unreadRow
	// aggregate and last are of the row before.
	aggregate uuid.UUID
	last      uint64
}

type unreadRow struct {
	aggregateID uuid.UUID
	sequence    uint64
	after       uint64
}

// findEvents searches the event store for the events at some positions of the feed. It reads all of it, because an event is
// not found by its position otherwise; that happens once for rows that are damaged together.
func (s *Store) findEvents(ctx context.Context, wanted map[uint64]int) (map[uint64]entry, error) {
	run := search{wanted: wanted, found: make(map[uint64]entry, len(wanted))}
	end := prefixEnd([]byte{spaceEvent})
	for from := []byte{spaceEvent}; from != nil && len(run.found) < len(wanted); {
		last, err := s.walkEvents(ctx, from, end, func(key, value []byte) bool { return run.visit(s, key, value) })
		if err == nil {
			break
		}
		if !errors.Is(err, ports.ErrCorrupt) {
			return nil, err
		}
		s.note("event_store", last, err, "a search goes on with the next aggregate")
		if from, err = s.nextAggregate(last); err != nil {
			return nil, err
		}
	}
	run.guess(s)
	return run.found, nil
}

// visit looks at a row, and returns whether there is more to be found.
func (r *search) visit(s *Store, key, value []byte) bool {
	id, sequence := uuid.UUID(key[1:17]), binary.BigEndian.Uint64(key[17:])
	if id != r.aggregate {
		r.aggregate, r.last = id, 0
	}
	_, position, _, err := splitRecord(value)
	if err != nil {
		r.unread = append(r.unread, unreadRow{id, sequence, r.last})
		return true
	}
	r.last = position
	if _, ok := r.wanted[position]; ok {
		r.found[position] = s.eventEntry(key, value)
	}
	return len(r.found) < len(r.wanted)
}

// guess gives each row that does not say its position one that nothing else was found for. A wrong guess does no harm: it
// makes a consumer look at an aggregate that it is done with.
func (r *search) guess(s *Store) {
	open := slices.Sorted(maps.Keys(r.wanted))
	open = slices.DeleteFunc(open, func(position uint64) bool { _, ok := r.found[position]; return ok })
	for _, row := range r.unread {
		i, _ := slices.BinarySearch(open, row.after+1)
		if i == len(open) {
			continue
		}
		record := s.unreadable(row.aggregateID, row.sequence)
		r.found[open[i]] = entry{at: record.CreatedAt.UnixMilli(), record: &record}
		open = slices.Delete(open, i, i+1)
	}
}

// walkEvents calls each with the rows of the event store in order, until it returns false. With an error it returns the last
// key that could be read, or where the walk began.
func (s *Store) walkEvents(ctx context.Context, from, end []byte, each func(key, value []byte) bool) (last []byte, err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: end})
	if err != nil {
		return from, translate(err)
	}
	last = from
	rows := 0
	for valid := it.First(); valid; valid = it.Next() {
		last = append(last[:0:0], it.Key()...)
		if !each(it.Key(), it.Value()) {
			break
		}
		if rows++; rows%1024 == 0 && (ctx.Err() != nil || s.isClosing()) {
			err = ctx.Err()
			if err == nil {
				err = ports.ErrClosed
			}
			break
		}
	}
	return last, errors.Join(err, translate(it.Close()))
}

func (s *Store) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// nextAggregate returns where the events of the first aggregate behind a key of the event store begin; nil when there is none.
func (s *Store) nextAggregate(key []byte) ([]byte, error) {
	from := []byte{spaceHead}
	if len(key) >= 1+16 {
		from = after(headKey(uuid.UUID(key[1:17])))
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: prefixEnd([]byte{spaceHead})})
	if err != nil {
		return nil, translate(err)
	}
	var next []byte
	if it.First() {
		next = eventKey(uuid.UUID(it.Key()[1:17]), 0)
	}
	return next, translate(it.Close())
}

// eventEntry returns a row of the event store as one of the feed.
func (s *Store) eventEntry(key, value []byte) entry {
	_, record, err := decodeRecord(value)
	if err != nil {
		record = s.unreadable(uuid.UUID(key[1:17]), binary.BigEndian.Uint64(key[17:]))
	}
	return entry{at: record.CreatedAt.UnixMilli(), record: &record}
}
