package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// LoadAll implements LoadAll of [ports.BulkReader], with one iterator. It enters the DB.
func (h *History) LoadAll(ctx context.Context, from []ports.HistoryFrom) ([][]eventsourcing.Record, error) {
	all, err := h.loadAll(ctx, from)
	if err != nil {
		return nil, fmt.Errorf("load %d histories: %w", len(from), err)
	}
	return all, nil
}

func (h *History) loadAll(ctx context.Context, from []ports.HistoryFrom) (all [][]eventsourcing.Record, err error) {
	all = make([][]eventsourcing.Record, len(from))
	if len(from) == 0 {
		return all, nil
	}
	if err := h.db.Enter(ctx); err != nil {
		return nil, err
	}
	defer h.db.Leave()
	if err := h.db.Err(); err != nil { // the last append of any of them may be doubtful
		return nil, err
	}
	durable := h.Durable() // before anything is read, as in load
	inOrder := make([]int, len(from))
	for i := range inOrder {
		inOrder[i] = i
	}
	slices.SortFunc(inOrder, func(a, b int) int { return bytes.Compare(from[a].AggregateID[:], from[b].AggregateID[:]) })
	last := from[inOrder[len(from)-1]].AggregateID
	it, err := h.db.Range(layout.EventPrefix(from[inOrder[0]].AggregateID), layout.PrefixEnd(layout.EventPrefix(last)))
	if err != nil {
		return nil, err
	}
	for _, i := range inOrder {
		prefix, start := layout.EventPrefix(from[i].AggregateID), layout.EventKey(from[i].AggregateID, from[i].After+1)
		// The history before may have ended exactly here.
		valid := it.Valid() && bytes.Equal(it.Key(), start) || it.SeekGE(start)
		for ; valid && err == nil && bytes.HasPrefix(it.Key(), prefix); valid = it.Next() {
			position, record, decodeErr := layout.DecodeRecord(it.Value())
			if decodeErr != nil {
				err = engine.Corrupt(fmt.Errorf("event %d: %w", layout.SequenceOf(it.Key()), decodeErr))
			}
			if position > durable {
				break
			}
			all[i] = append(all[i], record)
		}
		if broken := eventsourcing.CheckHistory(all[i], from[i].AggregateID, from[i].After); err == nil && broken != nil {
			err = engine.Corrupt(broken)
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			break
		}
	}
	return all, errors.Join(err, engine.Translate(it.Close()))
}
