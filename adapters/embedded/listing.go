package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

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
	var page ports.RecordPage
	durable := s.durable.Load()
	next, err := s.list(ctx, listing{prefix: []byte{spaceEvent}, after: after, limit: limit}, func(key, value []byte) (bool, error) {
		position, record, err := decodeRecord(value)
		if err != nil {
			id, sequence := uuid.UUID(key[1:17]), binary.BigEndian.Uint64(key[17:])
			s.note(fmt.Sprintf("event %d of %s", sequence, id), key, err, "it is listed with nothing but its place")
			record = s.unreadable(id, sequence)
		}
		if position > durable {
			return false, nil
		}
		page.Records = append(page.Records, record)
		return true, nil
	})
	if err != nil {
		return ports.RecordPage{}, fmt.Errorf("list events: %w", err)
	}
	page.Next = next
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

func (s *Store) listOutbox(ctx context.Context, after ports.Cursor, limit int) (page ports.RecordPage, err error) {
	if err := portkit.CheckLimit(limit); err != nil {
		return page, err
	}
	key, err := keyBehind(after, []byte{spaceOutbox})
	if err != nil {
		return page, err
	}
	if err := s.enter(ctx); err != nil {
		return page, err
	}
	defer s.ops.Leave()
	position, durable := uint64(0), s.durable.Load()
	if len(key) >= 1+8 {
		position = positionOf(key) + 1
	}
	for ctx.Err() == nil {
		position = max(position, s.oldest.Load())
		if position > durable {
			return page, nil
		}
		entries, err := s.readOutbox(ctx, position, durable)
		if errors.Is(err, ports.ErrOffsetExpired) {
			continue
		}
		if err != nil {
			return page, err
		}
		for _, e := range entries {
			if len(page.Records) == limit {
				page.Next = cursorAt([]byte{spaceOutbox}, outboxKey(position-1))
				return page, nil
			}
			if position++; e.lost() {
				continue
			}
			record, err := e.decode()
			if err != nil {
				return page, corrupt(err)
			}
			page.Records = append(page.Records, record)
		}
	}
	return page, ctx.Err()
}
