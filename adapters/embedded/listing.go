package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/ports"
	"orderflow/ports/portkit"
)

// listing is a part of the keys that start with a prefix.
type listing struct {
	prefix []byte
	after  ports.Cursor
	limit  int
}

// list calls each with keys and values in order, until it has returned true limit times, and returns where to go on. What it
// passes to each belongs to Pebble.
func (s *Store) list(ctx context.Context, l listing, each func(key, value []byte) (bool, error)) (ports.Cursor, error) {
	if err := portkit.CheckLimit(l.limit); err != nil {
		return "", err
	}
	from, err := keyBehind(l.after, l.prefix)
	if err != nil {
		return "", err
	}
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.ops.Leave()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: prefixEnd(l.prefix)})
	if err != nil {
		return "", translate(err)
	}
	var next ports.Cursor
	count := 0
	var last []byte
	for valid := it.First(); valid && err == nil; valid = it.Next() {
		var listed bool
		if count == l.limit {
			next = cursorAt(l.prefix, last)
			break
		}
		if listed, err = each(it.Key(), it.Value()); listed {
			last = append(last[:0], it.Key()...)
			if count++; count%1024 == 0 {
				err = errors.Join(err, ctx.Err())
			}
		}
	}
	if err := errors.Join(err, translate(it.Close())); err != nil {
		return "", err
	}
	return next, nil
}

// ListEvents implements [ports.RecordLister].
func (s *Store) ListEvents(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	durable := s.durable.Load()
	page, err := s.listRecords(ctx, listing{prefix: []byte{spaceEvent}, after: after, limit: limit}, func(_ []byte, number uint64) bool {
		return number <= durable
	})
	if err != nil {
		return ports.RecordPage{}, fmt.Errorf("list events: %w", err)
	}
	return page, nil
}

// ListOutbox implements [ports.RecordLister].
func (s *Store) ListOutbox(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	durable := s.durable.Load()
	page, err := s.listRecords(ctx, listing{prefix: []byte{spaceOutbox}, after: after, limit: limit}, func(key []byte, _ uint64) bool {
		return positionOf(key) <= durable
	})
	if err != nil {
		return ports.RecordPage{}, fmt.Errorf("list outbox: %w", err)
	}
	return page, nil
}

// listRecords lists the records that are visible by their key and the number that is stored with them.
func (s *Store) listRecords(ctx context.Context, l listing, visible func(key []byte, number uint64) bool) (ports.RecordPage, error) {
	var page ports.RecordPage
	next, err := s.list(ctx, l, func(key, value []byte) (bool, error) {
		number, record, err := decodeRecord(value)
		if err != nil {
			return false, corrupt(err)
		}
		if !visible(key, number) {
			return false, nil
		}
		page.Records = append(page.Records, record)
		return true, nil
	})
	page.Next = next
	return page, err
}
