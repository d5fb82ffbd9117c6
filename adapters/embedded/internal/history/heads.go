package history

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/ports"
)

// Head returns the head of an aggregate, and whether there is one. It may not be durable yet.
func (h *History) Head(aggregateID uuid.UUID) (head layout.Head, found bool, err error) {
	value, err := h.db.Get(layout.HeadKey(aggregateID))
	if err == nil && value == nil {
		return head, false, nil
	}
	if err == nil {
		if head, err = layout.DecodeHead(value); err == nil {
			return head, true, nil
		}
		err = engine.Corrupt(err)
	}
	if !errors.Is(err, ports.ErrCorrupt) {
		return layout.Head{}, false, err
	}
	return h.HeadOfEvents(aggregateID, err)
}

// HeadOfEvents returns what a head that cannot be read would say. cause is why it cannot be read.
func (h *History) HeadOfEvents(aggregateID uuid.UUID, cause error) (head layout.Head, found bool, err error) {
	h.db.Damaged("head of "+aggregateID.String(), layout.HeadKey(aggregateID), cause,
		"the last event says how long the history is")
	it, err := h.db.Prefix(layout.EventPrefix(aggregateID))
	if err != nil {
		return head, false, err
	}
	if it.Last() {
		position, record, decodeErr := layout.DecodeRecord(it.Value())
		if decodeErr != nil {
			err = engine.Corrupt(fmt.Errorf("the head of %s and its last event: %w", aggregateID, decodeErr))
		}
		found = true
		head = layout.Head{Sequence: layout.SequenceOf(it.Key()), Position: position, AggregateType: record.AggregateType}
	}
	return head, found, errors.Join(err, engine.Translate(it.Close()))
}

// ScanHeads implements [ports.HeadScanner]. It enters the DB. Aggregates come in the order of their
// ids. Where heads cannot be read, the events say what they would say.
func (h *History) ScanHeads(ctx context.Context, after ports.Cursor, limit int) (ports.HeadPage, error) {
	page, err := h.scanHeads(ctx, after, limit)
	if errors.Is(err, ports.ErrCorrupt) {
		h.db.Damaged("heads", []byte{layout.SpaceHead}, err, "a scan reads the events instead")
		page, err = h.ScanEvents(ctx, after, limit)
	}
	if err != nil {
		return ports.HeadPage{}, fmt.Errorf("scan heads: %w", err)
	}
	return page, nil
}

func (h *History) scanHeads(ctx context.Context, after ports.Cursor, limit int) (page ports.HeadPage, err error) {
	durable := h.Durable()
	listing := engine.Listing{Prefix: []byte{layout.SpaceHead}, After: after, Limit: limit}
	page.Next, err = h.db.List(ctx, listing, func(key, value []byte) (bool, error) {
		id := layout.AggregateOf(key)
		head, err := layout.DecodeHead(value)
		if err != nil {
			if head, _, err = h.HeadOfEvents(id, err); err != nil {
				return false, err
			}
		}
		return h.addHead(&page, id, head, durable)
	})
	return page, err
}

// addHead adds a head to a page, as far as it is durable. It returns whether it did.
func (h *History) addHead(
	page *ports.HeadPage, aggregateID uuid.UUID, head layout.Head, durable uint64,
) (added bool, err error) {
	found := ports.Head{AggregateType: head.AggregateType, AggregateID: aggregateID, SequenceNumber: head.Sequence}
	if head.Position > durable {
		found.SequenceNumber, err = h.durableSequence(aggregateID, durable)
	}
	if err != nil || found.SequenceNumber == 0 {
		return false, err
	}
	page.Heads = append(page.Heads, found)
	return true, nil
}

// durableSequence returns the sequence number of the last record of an aggregate whose position is
// not above durable. It returns 0 when there is none.
func (h *History) durableSequence(aggregateID uuid.UUID, durable uint64) (uint64, error) {
	it, err := h.db.Prefix(layout.EventPrefix(aggregateID))
	if err != nil {
		return 0, err
	}
	var sequence uint64
	for valid := it.Last(); valid; valid = it.Prev() {
		position, _, err := layout.SplitRecord(it.Value())
		if err != nil {
			return 0, errors.Join(engine.Corrupt(err), it.Close())
		}
		if position <= durable {
			sequence = layout.SequenceOf(it.Key())
			break
		}
	}
	return sequence, engine.Translate(it.Close())
}

// ScanEvents is ScanHeads for damaged heads: it finds the aggregates in the events. It enters the
// DB.
func (h *History) ScanEvents(ctx context.Context, after ports.Cursor, limit int) (page ports.HeadPage, err error) {
	from, err := engine.Behind(after, []byte{layout.SpaceHead})
	if err != nil {
		return page, err
	}
	if err := h.db.Enter(ctx); err != nil {
		return page, err
	}
	defer h.db.Leave()
	lower := []byte{layout.SpaceEvent}
	if len(from) >= 1+16 {
		lower = layout.PrefixEnd(layout.EventPrefix(layout.AggregateOf(from)))
	}
	durable := h.Durable()
	it, err := h.db.Range(lower, layout.PrefixEnd([]byte{layout.SpaceEvent}))
	if err != nil {
		return page, err
	}
	for valid := it.First(); valid && err == nil; valid = it.SeekGE(lower) {
		id := layout.AggregateOf(it.Key())
		if len(page.Heads) == limit {
			page.Next = engine.CursorAt([]byte{layout.SpaceHead}, layout.HeadKey(page.Heads[limit-1].AggregateID))
			break
		}
		lower = layout.PrefixEnd(layout.EventPrefix(id))
		if !it.SeekLT(lower) {
			break // Close returns its error
		}
		head := layout.Head{Sequence: layout.SequenceOf(it.Key())}
		position, record, decodeErr := layout.DecodeRecord(it.Value())
		if head.Position, head.AggregateType = position, record.AggregateType; decodeErr != nil {
			head.AggregateType = h.TypeOf(id)
		}
		_, err = h.addHead(&page, id, head, durable)
		err = errors.Join(err, ctx.Err())
	}
	return page, errors.Join(err, engine.Translate(it.Close()))
}
