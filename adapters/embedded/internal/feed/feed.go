package feed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/history"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// Options are the settings of a [Feed]. All are required.
type Options struct {
	// Retention is how long the outbox holds a record. Negative means for ever.
	Retention time.Duration
	// Bytes bounds the memory of the ring.
	Bytes int
	Now   func() time.Time
}

// Feed is the change feed. Its methods are safe for concurrent use. They enter the DB, if their
// comment does not say otherwise.
type Feed struct {
	options Options
	db      *engine.DB
	history *history.History
	ring    *ring
	// oldest is the lowest position that the outbox has, or will have next.
	oldest atomic.Uint64
	// expiring allows one sweep at a time.
	expiring sync.Mutex
	salvaged salvaged

	mu sync.Mutex
	// open is the open subscription of each consumer.
	open map[string]*subscription
}

// New returns the feed of a DB. It is empty until Recover.
func New(db *engine.DB, h *history.History, options Options) *Feed {
	return &Feed{
		options: options, db: db, history: h, ring: newRing(options.Bytes),
		salvaged: salvaged{searching: make(chan struct{}, 1), entries: map[uint64]Entry{}}, open: map[string]*subscription{},
	}
}

// Publish makes records visible that are durable, up to the position last. They follow the records
// so far. The caller is inside of the DB.
func (f *Feed) Publish(entries []Entry, last uint64) {
	f.ring.publish(entries, func() { f.history.SetDurable(last) })
}

// Held returns how many records the outbox holds. It does no I/O, and does not enter the DB.
func (f *Feed) Held() uint64 {
	return f.history.Durable() + 1 - min(f.oldest.Load(), f.history.Durable()+1)
}

// Beat sends a heartbeat to the subscriptions, after the records so far. The caller is inside of
// the DB.
func (f *Feed) Beat(at time.Time) { f.ring.beat(at) }

// Subscribe implements [ports.ChangeFeed].
func (f *Feed) Subscribe(ctx context.Context, consumer string) (ports.Subscription, error) {
	sub, err := f.subscribe(ctx, consumer)
	if err != nil {
		return nil, fmt.Errorf("subscribe %s: %w", consumer, err)
	}
	return sub, nil
}

func (f *Feed) subscribe(ctx context.Context, consumer string) (*subscription, error) {
	if err := f.db.Enter(ctx); err != nil {
		return nil, err
	}
	defer f.db.Leave()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.checkNotSubscribed(consumer); err != nil {
		return nil, err
	}
	offset, known, err := f.offset(consumer)
	switch oldest := f.oldest.Load(); {
	case errors.Is(err, ports.ErrCorrupt):
		f.db.Damaged("offset of "+consumer, layout.OffsetKey(consumer), err,
			"the consumer is brought up to date from the event store")
		return nil, fmt.Errorf("%w: %w", ports.ErrOffsetExpired, err)
	case err != nil:
		return nil, err
	case !known:
		return nil, ports.ErrNoOffset
	case offset+1 < oldest:
		return nil, fmt.Errorf("%w: it is at %d, and the feed starts at %d", ports.ErrOffsetExpired, offset, oldest)
	}
	sub := &subscription{
		feed: f, consumer: consumer, closed: make(chan struct{}),
		next: offset + 1, committed: offset, hadBeats: f.ring.beaten(),
	}
	sub.delivered.Store(offset)
	f.open[consumer] = sub
	return sub, nil
}

// checkNotSubscribed refuses a consumer that has an open subscription. The caller holds mu.
func (f *Feed) checkNotSubscribed(consumer string) error {
	if f.open[consumer] != nil {
		return fmt.Errorf("%w: the consumer has an open subscription", ports.ErrUnavailable)
	}
	return nil
}

// SeekEnd implements [ports.ChangeFeed].
func (f *Feed) SeekEnd(ctx context.Context, consumer string) error {
	if err := f.seekEnd(ctx, consumer); err != nil {
		return fmt.Errorf("seek end for %s: %w", consumer, err)
	}
	return nil
}

func (f *Feed) seekEnd(ctx context.Context, consumer string) error {
	if err := f.db.Enter(ctx); err != nil {
		return err
	}
	defer f.db.Leave()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.checkNotSubscribed(consumer); err != nil {
		return err
	}
	return f.saveOffset(consumer, f.history.Durable())
}

// saveOffset saves the offset of a consumer without an fsync. In the log it comes after the effects
// that it covers.
func (f *Feed) saveOffset(consumer string, position uint64) error {
	batch := f.db.NewBatch()
	engine.Put(batch, layout.OffsetKey(consumer), layout.EncodePosition(position))
	return f.db.Write(batch)
}

// offset returns the saved offset of a consumer, and whether there is one.
func (f *Feed) offset(consumer string) (offset uint64, known bool, err error) {
	value, err := f.db.Get(layout.OffsetKey(consumer))
	if err != nil || value == nil {
		return 0, false, err
	}
	if offset, err = layout.DecodePosition(value); err != nil {
		return 0, false, engine.Corrupt(err)
	}
	if end := f.history.Durable(); offset > end {
		return 0, false, engine.Corrupt(fmt.Errorf("the offset of %s is %d, but the feed ends at %d", consumer, offset, end))
	}
	return offset, true, nil
}

// Lag implements [ports.ChangeFeed].
func (f *Feed) Lag(ctx context.Context, consumer string) (ports.Lag, error) {
	lag, err := f.lag(ctx, consumer)
	if err != nil {
		return ports.Lag{}, fmt.Errorf("lag of %s: %w", consumer, err)
	}
	return lag, nil
}

func (f *Feed) lag(ctx context.Context, consumer string) (ports.Lag, error) {
	if err := f.db.Enter(ctx); err != nil {
		return ports.Lag{}, err
	}
	defer f.db.Leave()
	offset, known, err := f.offset(consumer)
	if errors.Is(err, ports.ErrCorrupt) {
		return ports.Lag{}, nil // Subscribe reports it
	}
	if err != nil || !known || offset+1 < f.oldest.Load() {
		return ports.Lag{}, err
	}
	lag := ports.Lag{Events: f.history.Durable() - offset, Known: true}
	if lag.Events == 0 {
		return lag, nil
	}
	since, known, err := f.commitTime(offset + 1)
	if err != nil || !known && offset+1 < f.oldest.Load() { // it has expired just now
		return ports.Lag{}, err
	}
	if known {
		lag.Age = max(0, f.options.Now().Sub(since)).Round(time.Millisecond)
	}
	return lag, nil
}

// List implements ListOutbox of [ports.RecordLister].
func (f *Feed) List(ctx context.Context, after ports.Cursor, limit int) (ports.RecordPage, error) {
	page, err := f.list(ctx, after, limit)
	if err != nil {
		return ports.RecordPage{}, fmt.Errorf("list outbox: %w", err)
	}
	return page, nil
}

func (f *Feed) list(ctx context.Context, after ports.Cursor, limit int) (page ports.RecordPage, err error) {
	if err := portkit.CheckLimit(limit); err != nil {
		return page, err
	}
	key, err := engine.Behind(after, []byte{layout.SpaceOutbox})
	if err != nil {
		return page, err
	}
	if err := f.db.Enter(ctx); err != nil {
		return page, err
	}
	defer f.db.Leave()
	position, durable := uint64(0), f.history.Durable()
	if len(key) >= 1+8 {
		position = layout.PositionOf(key) + 1
	}
	for ctx.Err() == nil {
		position = max(position, f.oldest.Load())
		if position > durable {
			return page, nil
		}
		entries, err := f.page(ctx, position, durable)
		if errors.Is(err, ports.ErrOffsetExpired) {
			continue
		}
		if err != nil {
			return page, err
		}
		for _, e := range entries {
			if len(page.Records) == limit {
				page.Next = engine.CursorAt([]byte{layout.SpaceOutbox}, layout.OutboxKey(position-1))
				return page, nil
			}
			if position++; e.lost() {
				continue
			}
			record, err := e.decode()
			if err != nil {
				return page, engine.Corrupt(err)
			}
			page.Records = append(page.Records, record)
		}
	}
	return page, ctx.Err()
}
