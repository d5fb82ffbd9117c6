package feed

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/ports"
)

// tail is the delivery to a caller without a name. A place is a position, in decimal.
type tail struct {
	feed *Feed
	// closed is closed by Close.
	closed    chan struct{}
	closeOnce sync.Once

	// All below belongs to the goroutine that calls Next. next is the position of the next record.
	// boundary is the end of the feed when the tail was opened. live says that it was delivered.
	next, boundary uint64
	live           bool
	// entries is used again for each page.
	entries []Entry
}

// OpenTail implements [ports.FeedTail].
func (f *Feed) OpenTail(ctx context.Context, after ports.Place) (ports.Tail, error) {
	t, err := f.openTail(ctx, after)
	if err != nil {
		return nil, fmt.Errorf("open a tail after %q: %w", after, err)
	}
	return t, nil
}

func (f *Feed) openTail(ctx context.Context, after ports.Place) (*tail, error) {
	if err := f.db.Enter(ctx); err != nil {
		return nil, err
	}
	defer f.db.Leave()
	t := &tail{feed: f, closed: make(chan struct{}), boundary: f.history.Durable()}
	switch after {
	case ports.PlaceNow:
		t.next = t.boundary + 1
	case ports.PlaceEarliest:
		t.next = f.oldest.Load()
	default:
		position, err := strconv.ParseUint(string(after), 10, 64)
		if err != nil || placeAt(position) != after || position > t.boundary {
			return nil, ports.ErrBadCursor
		}
		t.next = position + 1
	}
	return t, nil
}

func placeAt(position uint64) ports.Place { return ports.Place(strconv.FormatUint(position, 10)) }

// Next implements [ports.Tail].
func (t *tail) Next(ctx context.Context) (ports.TailPage, error) {
	page, err := t.deliver(ctx)
	if err != nil {
		return ports.TailPage{}, fmt.Errorf("next of a tail: %w", err)
	}
	return page, nil
}

func (t *tail) deliver(ctx context.Context) (ports.TailPage, error) {
	for {
		page, changed, err := t.poll(ctx)
		switch {
		case errors.Is(err, ports.ErrOffsetExpired):
			continue // the records have expired meanwhile, and the next page says so
		case err != nil:
			return ports.TailPage{}, err
		case changed == nil:
			return page, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-t.closed:
		case <-t.feed.db.Closing():
		}
	}
}

// poll returns the next page, or a channel that is closed when there may be one.
func (t *tail) poll(ctx context.Context) (page ports.TailPage, changed <-chan struct{}, err error) {
	if err := t.enter(ctx); err != nil {
		return page, nil, err
	}
	f := t.feed
	defer f.db.Leave()
	if oldest := f.oldest.Load(); t.next < oldest {
		page.Lost = &ports.TailGap{From: placeAt(t.next - 1), To: placeAt(oldest - 1)}
		if page.Lost.Until, _, err = f.commitTime(oldest); err != nil {
			return page, nil, err
		}
		t.next = oldest
	}
	changed = f.ring.wait()
	limit := f.history.Durable()
	if !t.live {
		limit = min(limit, t.boundary)
	}
	for page.Lost == nil && t.next <= limit && len(page.Records) == 0 {
		if page.Records, err = t.read(ctx, limit); err != nil {
			return page, nil, err
		}
	}
	if !t.live && t.next > t.boundary {
		t.live, page.Live = true, true
	}
	page.Place = placeAt(t.next - 1)
	if page.Lost == nil && len(page.Records) == 0 && !page.Live {
		return page, changed, nil
	}
	return page, nil, nil
}

// read returns the next records, up to a position. They come from memory, or from the disk when the
// memory does not reach back that far. It may return none, when all of them were found nowhere.
func (t *tail) read(ctx context.Context, limit uint64) ([]ports.TailRecord, error) {
	entries := t.feed.ring.read(t.entries[:0], t.next, ports.MaxTailRecords, ports.MaxTailBytes)
	if len(entries) == 0 {
		var err error
		if entries, err = t.feed.page(ctx, t.next, limit); err != nil {
			return nil, err
		}
	} else {
		t.entries = entries
		defer func() { clear(t.entries) }() // they must not be kept in memory
	}
	entries = entries[:min(uint64(len(entries)), limit-t.next+1)]
	records := make([]ports.TailRecord, 0, len(entries))
	for i, e := range entries {
		if e.lost() {
			continue
		}
		position := t.next + uint64(i)
		record, err := e.decode()
		if err != nil { // an entry of the ring, which was encoded here
			return nil, engine.Corrupt(fmt.Errorf("record %d: %w", position, err))
		}
		records = append(records, ports.TailRecord{Record: record, Place: placeAt(position)})
	}
	t.next += uint64(len(entries))
	return records, nil
}

// Close implements [ports.Tail].
func (t *tail) Close() error {
	t.closeOnce.Do(func() { close(t.closed) })
	return nil
}

// enter enters the DB, unless the tail is closed.
func (t *tail) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-t.closed:
		return ports.ErrClosed
	default:
		return t.feed.db.Enter(ctx)
	}
}
