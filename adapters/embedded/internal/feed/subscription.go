package feed

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/ports"
)

// subscription is the delivery to one consumer.
type subscription struct {
	feed     *Feed
	consumer string
	// closed is closed by Close.
	closed    chan struct{}
	closeOnce sync.Once

	// next is the position of the next record. page is the records from there on that were read
	// already. beat is a heartbeat that is due before them, or nil. hadBeats is the number of the
	// last heartbeat that was delivered. All of these belong to the goroutine that calls Next.
	next     uint64
	page     []Entry
	beat     *heartbeat
	hadBeats uint64

	// delivered is the position of the last record that was delivered.
	delivered atomic.Uint64

	committing sync.Mutex
	// committed is the saved offset, guarded by committing.
	committed uint64
}

// Next implements [ports.Subscription].
func (sub *subscription) Next(ctx context.Context) (ports.Delivery, error) {
	delivery, err := sub.deliver(ctx)
	if err != nil {
		return ports.Delivery{}, fmt.Errorf("next of %s: %w", sub.consumer, err)
	}
	return delivery, nil
}

func (sub *subscription) deliver(ctx context.Context) (ports.Delivery, error) {
	for {
		changed, err := sub.fill(ctx)
		if err != nil {
			return ports.Delivery{}, err
		}
		if b := sub.beat; b != nil {
			sub.beat, sub.hadBeats = nil, b.number
			return ports.Delivery{Beat: b.at, Position: positionAt(sub.next - 1)}, nil
		}
		if len(sub.page) == 0 {
			select {
			case <-changed:
			case <-ctx.Done():
			case <-sub.closed:
			case <-sub.feed.db.Closing():
			}
			continue
		}
		e := sub.page[0]
		sub.page[0] = Entry{} // the page must not keep what was delivered in memory
		sub.page = sub.page[1:]
		position := sub.next
		sub.next++
		sub.delivered.Store(position)
		if e.lost() {
			continue
		}
		record, err := e.decode()
		if err != nil { // an entry of the ring, which was encoded here
			return ports.Delivery{}, engine.Corrupt(fmt.Errorf("record %d: %w", position, err))
		}
		return ports.Delivery{Record: record, Position: positionAt(position)}, nil
	}
}

// positionAt returns the position of a record, which is also that of the heartbeats after it.
func positionAt(position uint64) ports.Position {
	return ports.Position{Offset: strconv.FormatUint(position, 10)}
}

// fill reads a page, unless there is one, or finds the heartbeat that is due. Heartbeats come
// between pages: a consumer that is behind gets none before it has handled the records that the
// heartbeat is about. When there is nothing to read, fill returns a channel that is closed when
// there may be.
func (sub *subscription) fill(ctx context.Context) (changed <-chan struct{}, err error) {
	if err := sub.enter(ctx); err != nil {
		return nil, err
	}
	f := sub.feed
	defer f.db.Leave()
	if oldest := f.oldest.Load(); sub.next < oldest {
		return nil, fmt.Errorf("%w: it is before %d, and the feed starts at %d", ports.ErrOffsetExpired, sub.next, oldest)
	}
	if len(sub.page) > 0 {
		return nil, nil
	}
	changed = f.ring.wait()
	if sub.beat = f.ring.due(sub.next, sub.hadBeats); sub.beat != nil {
		return nil, nil
	}
	durable := f.history.Durable()
	if sub.next > durable {
		return changed, nil
	}
	sub.page = f.ring.read(sub.page[:0], sub.next, pageEntries, pageBytes)
	if len(sub.page) == 0 {
		sub.page, err = f.page(ctx, sub.next, durable)
	}
	return changed, err
}

// Commit implements [ports.Subscription].
func (sub *subscription) Commit(ctx context.Context, p ports.Position) error {
	if err := sub.commit(ctx, p); err != nil {
		return fmt.Errorf("commit of %s at %s: %w", sub.consumer, p.Offset, err)
	}
	return nil
}

func (sub *subscription) commit(ctx context.Context, p ports.Position) error {
	if err := sub.enter(ctx); err != nil {
		return err
	}
	defer sub.feed.db.Leave()
	position, err := strconv.ParseUint(p.Offset, 10, 64)
	if err != nil || p.Stream != "" || position > sub.delivered.Load() {
		return fmt.Errorf("nothing was delivered at %q of stream %q", p.Offset, p.Stream)
	}
	sub.committing.Lock()
	defer sub.committing.Unlock()
	select {
	case <-sub.closed: // the consumer may have its next subscription already
		return ports.ErrClosed
	default:
	}
	if position <= sub.committed {
		return nil
	}
	if err := sub.feed.saveOffset(sub.consumer, position); err != nil {
		return err
	}
	sub.committed = position
	return nil
}

// Close implements [ports.Subscription].
func (sub *subscription) Close() error {
	sub.closeOnce.Do(func() {
		// A Commit that is in progress must not come after the next Subscribe or SeekEnd of the
		// consumer.
		sub.committing.Lock()
		close(sub.closed)
		sub.committing.Unlock()
		f := sub.feed
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.open, sub.consumer)
	})
	return nil
}

// enter enters the DB, unless the subscription is closed.
func (sub *subscription) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-sub.closed:
		return ports.ErrClosed
	default:
		return sub.feed.db.Enter(ctx)
	}
}
