package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// maxAppendBytes bounds one append; Pebble's own bound for a batch is 4 GiB.
const maxAppendBytes = 64 << 20

// Append implements [ports.EventStore]. A context that ends while the request waits for its group withdraws it; after
// that the answer is waited for, which takes one or two fsyncs, and is the truth.
func (s *Store) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	appended, err := s.append(ctx, a)
	if err != nil {
		return ports.Appended{}, fmt.Errorf("append to %s at %d: %w", a.AggregateID, a.Expected, err)
	}
	return appended, nil
}

func (s *Store) append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	r, err := newRequest(a)
	if err != nil {
		return ports.Appended{}, err
	}
	if err := s.enter(ctx); err != nil {
		return ports.Appended{}, err
	}
	defer s.ops.Leave()
	if err := s.failed(); err != nil {
		return ports.Appended{}, err
	}
	if err := s.submit(ctx, r); err != nil {
		return ports.Appended{}, err
	}
	switch v := r.verdict; {
	case v.err != nil:
		return ports.Appended{}, v.err
	case v.duplicate:
		records, err := s.recordsOf(a.AggregateID, v.span)
		return ports.Appended{Records: records, Duplicate: true}, err
	}
	// Nothing of the request was kept, so its payloads may go back.
	records := slices.Clone(a.Records)
	for i := range records {
		records[i].CreatedAt = records[i].CreatedAt.UTC()
	}
	return ports.Appended{Records: records}, nil
}

// newRequest encodes the records, so that the committer has less to do.
func newRequest(a ports.Append) (*request, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	r := &request{
		aggregateID:   a.AggregateID,
		aggregateType: a.Records[0].AggregateType,
		commandID:     a.CommandID,
		expected:      a.Expected,
		bodies:        make([][]byte, len(a.Records)),
		wake:          make(chan role, 1),
	}
	for i := range a.Records {
		body, err := appendBody(nil, &a.Records[i])
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", a.Records[i].SequenceNumber, err)
		}
		r.bodies[i] = body
		r.bytes += len(body)
	}
	if r.bytes > maxAppendBytes {
		return nil, fmt.Errorf("%d bytes of records; one append may have %d", r.bytes, maxAppendBytes)
	}
	return r, nil
}

// recordsOf returns the records of a command, which are durable.
func (s *Store) recordsOf(aggregateID uuid.UUID, sp span) ([]eventsourcing.Record, error) {
	records, err := s.events(context.Background(), aggregateID, sp.first-1, sp.first+sp.count, s.durable.Load())
	if err == nil && uint64(len(records)) != sp.count {
		err = fmt.Errorf("%w: a command of %s has %d records of %d", ports.ErrCorrupt, aggregateID, len(records), sp.count)
	}
	return records, err
}

// Load implements [ports.EventStore].
func (s *Store) Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	records, err := s.load(ctx, aggregateID, after)
	if err != nil {
		return nil, fmt.Errorf("load %s after %d: %w", aggregateID, after, err)
	}
	return records, nil
}

func (s *Store) load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.ops.Leave()
	if err := s.failed(); err != nil {
		if _, doubtful := s.failure.doubtful.Load(aggregateID); doubtful {
			return nil, err
		}
	}
	// In this order: everything up to durable is in what is read after it. What is read may also be newer and not durable.
	durable := s.durable.Load()
	h, found, err := s.head(aggregateID)
	if err != nil || !found || h.sequence <= after {
		return nil, err
	}
	records, err := s.events(ctx, aggregateID, after, 0, durable)
	if err != nil {
		return nil, err
	}
	if last := after + uint64(len(records)); h.position <= durable && last != h.sequence {
		return nil, corrupt(fmt.Errorf("the history ends at %d, but the head is %d", last, h.sequence))
	}
	return records, nil
}

// head returns how far the history of an aggregate goes, and whether there is one.
func (s *Store) head(aggregateID uuid.UUID) (h head, found bool, err error) {
	value, err := s.get(headKey(aggregateID))
	if err == nil && value == nil {
		return head{}, false, nil
	}
	if err = translate(err); err == nil {
		if h, err = decodeHead(value); err == nil {
			return h, true, nil
		}
		err = corrupt(err)
	}
	if !errors.Is(err, ports.ErrCorrupt) {
		return head{}, false, err
	}
	return s.headOfEvents(aggregateID, err)
}

// headOfEvents returns what a head that cannot be read would say: where the last event is.
func (s *Store) headOfEvents(aggregateID uuid.UUID, cause error) (h head, found bool, err error) {
	s.note("head of "+aggregateID.String(), headKey(aggregateID), cause, "the last event says how far the history goes")
	prefix := eventKey(aggregateID, 0)[:1+16]
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: prefixEnd(prefix)})
	if err != nil {
		return head{}, false, translate(err)
	}
	if it.Last() {
		position, record, decodeErr := decodeRecord(it.Value())
		if decodeErr != nil {
			err = corrupt(fmt.Errorf("the head of %s and its last event: %w", aggregateID, decodeErr))
		}
		h, found = head{sequence: binary.BigEndian.Uint64(it.Key()[len(prefix):]), position: position, aggregateType: record.AggregateType}, true
	}
	return h, found, errors.Join(err, translate(it.Close()))
}

// events returns the records of an aggregate between two sequence numbers, both excluded, as far as their positions are not
// above durable. A limit of 0 is none.
func (s *Store) events(ctx context.Context, aggregateID uuid.UUID, after, limit, durable uint64) ([]eventsourcing.Record, error) {
	bounds := &pebble.IterOptions{LowerBound: eventKey(aggregateID, after+1), UpperBound: eventKey(aggregateID, limit)}
	if limit == 0 {
		bounds.UpperBound = prefixEnd(eventKey(aggregateID, 0)[:1+16])
	}
	it, err := s.db.NewIter(bounds)
	if err != nil {
		return nil, translate(err)
	}
	var records []eventsourcing.Record
	for valid := it.First(); valid && err == nil; valid = it.Next() {
		var position uint64
		var r eventsourcing.Record
		if position, r, err = decodeRecord(it.Value()); err != nil {
			err = corrupt(fmt.Errorf("event %d: %w", binary.BigEndian.Uint64(it.Key()[1+16:]), err))
		}
		if position > durable {
			break
		}
		records = append(records, r)
		if len(records)%1024 == 0 {
			err = errors.Join(err, ctx.Err())
		}
	}
	if err := errors.Join(err, translate(it.Close())); err != nil {
		return nil, err
	}
	if err := eventsourcing.CheckHistory(records, aggregateID, after); err != nil {
		return nil, corrupt(err)
	}
	return records, nil
}

// ScanHeads implements [ports.HeadScanner]. Aggregates come in the order of their ids. Where heads cannot be read, their events
// say what they would.
func (s *Store) ScanHeads(ctx context.Context, after ports.Cursor, limit int) (ports.HeadPage, error) {
	page, err := s.scanHeads(ctx, after, limit)
	if errors.Is(err, ports.ErrCorrupt) {
		s.note("heads", []byte{spaceHead}, err, "a scan goes on with the events")
		page, err = s.scanEvents(ctx, after, limit)
	}
	if err != nil {
		return ports.HeadPage{}, fmt.Errorf("scan heads: %w", err)
	}
	return page, nil
}

func (s *Store) scanHeads(ctx context.Context, after ports.Cursor, limit int) (page ports.HeadPage, err error) {
	durable := s.durable.Load()
	page.Next, err = s.list(ctx, listing{prefix: []byte{spaceHead}, after: after, limit: limit}, func(key, value []byte) (bool, error) {
		id := uuid.UUID(key[1:])
		h, err := decodeHead(value)
		if err != nil {
			if h, _, err = s.headOfEvents(id, err); err != nil {
				return false, err
			}
		}
		return s.addHead(&page, id, h, durable)
	})
	return page, err
}

// addHead adds a head to a page, as far as it is durable.
func (s *Store) addHead(page *ports.HeadPage, aggregateID uuid.UUID, h head, durable uint64) (added bool, err error) {
	found := ports.Head{AggregateType: h.aggregateType, AggregateID: aggregateID, SequenceNumber: h.sequence}
	if h.position > durable {
		found.SequenceNumber, err = s.durableHead(aggregateID, durable)
	}
	if err != nil || found.SequenceNumber == 0 {
		return false, err
	}
	page.Heads = append(page.Heads, found)
	return true, nil
}

// scanEvents is scanHeads from the events.
func (s *Store) scanEvents(ctx context.Context, after ports.Cursor, limit int) (page ports.HeadPage, err error) {
	from, err := keyBehind(after, []byte{spaceHead})
	if err != nil {
		return page, err
	}
	if err := s.enter(ctx); err != nil {
		return page, err
	}
	defer s.ops.Leave()
	lower := []byte{spaceEvent}
	if len(from) >= 1+16 {
		lower = prefixEnd(eventKey(uuid.UUID(from[1:17]), 0)[:1+16])
	}
	durable := s.durable.Load()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: prefixEnd([]byte{spaceEvent})})
	if err != nil {
		return page, translate(err)
	}
	for valid := it.First(); valid && err == nil; valid = it.SeekGE(lower) {
		id := uuid.UUID(it.Key()[1:17])
		if len(page.Heads) == limit {
			page.Next = cursorAt([]byte{spaceHead}, headKey(page.Heads[limit-1].AggregateID))
			break
		}
		lower = prefixEnd(eventKey(id, 0)[:1+16])
		if !it.SeekLT(lower) {
			break // its error tells
		}
		position, record, decodeErr := decodeRecord(it.Value())
		if decodeErr != nil {
			record = s.unreadable(id, 0)
		}
		_, err = s.addHead(&page, id, head{binary.BigEndian.Uint64(it.Key()[17:]), position, record.AggregateType}, durable)
		err = errors.Join(err, ctx.Err())
	}
	return page, errors.Join(err, translate(it.Close()))
}

// durableHead returns the sequence number of the last record of an aggregate whose position is not above durable; 0 when
// there is none.
func (s *Store) durableHead(aggregateID uuid.UUID, durable uint64) (uint64, error) {
	prefix := eventKey(aggregateID, 0)[:1+16]
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: prefixEnd(prefix)})
	if err != nil {
		return 0, translate(err)
	}
	var sequence uint64
	for valid := it.Last(); valid; valid = it.Prev() {
		_, position, _, err := splitRecord(it.Value())
		if err != nil {
			return 0, errors.Join(corrupt(err), it.Close())
		}
		if position <= durable {
			sequence = binary.BigEndian.Uint64(it.Key()[len(prefix):])
			break
		}
	}
	return sequence, translate(it.Close())
}
