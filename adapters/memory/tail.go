package memory

import (
	"context"
	"fmt"
	"strconv"

	"orderflow/ports"
)

var _ ports.FeedTail = (*Store)(nil)

// OpenTail implements [ports.FeedTail]. A place is the number of a message.
func (s *Store) OpenTail(ctx context.Context, after ports.Place) (ports.Tail, error) {
	if err := s.enter(ctx); err != nil {
		return nil, fmt.Errorf("open a tail: %w", err)
	}
	defer s.mu.Unlock()
	t := &tail{store: s, boundary: s.data.end()}
	switch after {
	case ports.PlaceNow:
		t.delivered = t.boundary
	case ports.PlaceEarliest:
		t.delivered = s.data.expired
	default:
		number, err := strconv.ParseUint(string(after), 10, 64)
		if err != nil || placeAt(number) != after || number > t.boundary {
			return nil, fmt.Errorf("open a tail after %q: %w", after, ports.ErrBadCursor)
		}
		t.delivered = number
	}
	return t, nil
}

func placeAt(number uint64) ports.Place { return ports.Place(strconv.FormatUint(number, 10)) }

// tail holds how far one caller has read.
type tail struct {
	store *Store

	// Guarded by the mutex of the store. boundary is the end of the feed when the tail was opened.
	// live says that it was delivered.
	delivered, boundary uint64
	live, closed        bool
}

// Next implements [ports.Tail].
func (t *tail) Next(ctx context.Context) (ports.TailPage, error) {
	for {
		page, changed, err := t.poll(ctx)
		if err != nil {
			return ports.TailPage{}, fmt.Errorf("next of a tail: %w", err)
		}
		if changed == nil {
			return page, nil
		}
		select {
		case <-changed:
		case <-ctx.Done(): // poll returns the error
		}
	}
}

// poll returns the next page if there is one. Otherwise it returns a channel that is closed when
// there may be one.
func (t *tail) poll(ctx context.Context) (page ports.TailPage, changed <-chan struct{}, err error) {
	if err := t.store.enter(ctx); err != nil {
		return page, nil, err
	}
	s := t.store
	defer s.mu.Unlock()
	if t.closed {
		return page, nil, ports.ErrClosed
	}
	if d := s.data; t.delivered < d.expired {
		page.Lost = &ports.TailGap{From: placeAt(t.delivered), To: placeAt(d.expired)}
		if d.end() > d.expired {
			page.Lost.Until = d.message(d.expired + 1).at
		}
		t.delivered = d.expired
	}
	limit := s.data.end()
	if !t.live {
		limit = min(limit, t.boundary)
	}
	for bytes := 0; t.delivered < limit && len(page.Records) < ports.MaxTailRecords && bytes < ports.MaxTailBytes; {
		t.delivered++
		record := s.data.message(t.delivered).record.Clone()
		bytes += len(record.Payload)
		page.Records = append(page.Records, ports.TailRecord{Record: record, Place: placeAt(t.delivered)})
	}
	if !t.live && t.delivered >= t.boundary {
		t.live, page.Live = true, true
	}
	if page.Lost == nil && len(page.Records) == 0 && !page.Live {
		return page, s.changed, nil
	}
	page.Place = placeAt(t.delivered)
	return page, nil, nil
}

// Close implements [ports.Tail].
func (t *tail) Close() error {
	s := t.store
	s.mu.Lock()
	defer s.mu.Unlock()
	t.closed = true
	s.wake()
	return nil
}
