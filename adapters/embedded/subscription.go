package embedded

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// The bounds of what a subscription reads at once.
const (
	pageEntries = 256
	pageBytes   = 1 << 20
)

// subscription is one consumer's delivery.
type subscription struct {
	store    *Store
	consumer string
	// closed is closed by Close.
	closed    chan struct{}
	closeOnce sync.Once

	// next is the position of the next record, and page the records from there on that were read already. beat, unless it is
	// nil, is a heartbeat to be delivered before them, and hadBeats the number of the last one that was. All belong to the
	// goroutine that calls Next.
	next     uint64
	page     []entry
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
			return ports.Delivery{Beat: fromMillis(b.at), Position: positionAt(sub.next - 1)}, nil
		}
		if len(sub.page) == 0 {
			select {
			case <-changed:
			case <-ctx.Done():
			case <-sub.closed:
			case <-sub.store.closing:
			}
			continue
		}
		e := sub.page[0]
		sub.page[0] = entry{} // the page must not keep alive what was delivered
		sub.page = sub.page[1:]
		position := sub.next
		sub.next++
		sub.delivered.Store(position)
		if e.lost() {
			continue
		}
		record, err := e.decode()
		if err != nil { // not of a page that was read from disk
			return ports.Delivery{}, corrupt(fmt.Errorf("record %d: %w", position, err))
		}
		return ports.Delivery{Record: record, Position: positionAt(position)}, nil
	}
}

// positionAt is the place of a record, and of the heartbeats behind it: committing one commits everything before it.
func positionAt(position uint64) ports.Position {
	return ports.Position{Offset: strconv.FormatUint(position, 10)}
}

// fill reads a page unless there still is one, or finds a heartbeat that everything before has been delivered of. Heartbeats come
// between pages. One that is too far behind gets none until it is back where they are: it has not handled what they stand for.
// When there is nothing to read, it returns a channel that is closed when there
// may be.
func (sub *subscription) fill(ctx context.Context) (changed <-chan struct{}, err error) {
	if err := sub.enter(ctx); err != nil {
		return nil, err
	}
	s := sub.store
	defer s.ops.Leave()
	if oldest := s.oldest.Load(); sub.next < oldest {
		return nil, fmt.Errorf("%w: it is before %d, and the feed starts at %d", ports.ErrOffsetExpired, sub.next, oldest)
	}
	if len(sub.page) > 0 {
		return nil, nil
	}
	changed = s.ring.wait()
	if sub.beat = s.ring.due(sub.next, sub.hadBeats); sub.beat != nil {
		return nil, nil
	}
	durable := s.durable.Load()
	if sub.next > durable {
		return changed, nil
	}
	sub.page = s.ring.read(sub.page[:0], sub.next, pageEntries, pageBytes)
	if len(sub.page) == 0 {
		sub.page, err = s.readOutbox(ctx, sub.next, durable)
	}
	return changed, err
}

// readOutbox reads a page of the outbox from disk: at least one record, from position from on, up to durable. What cannot be
// read is salvaged.
func (s *Store) readOutbox(ctx context.Context, from, durable uint64) ([]entry, error) {
	it, err := s.outbox(from)
	if err != nil {
		return nil, translate(err)
	}
	var page []entry
	next, bytes := from, 0
	for valid := it.First(); valid && next <= durable && len(page) < pageEntries && bytes < pageBytes; valid = it.Next() {
		if positionOf(it.Key()) != next {
			break
		}
		format, at, body, cause := splitRecord(it.Value())
		var record eventsourcing.Record
		if cause == nil {
			record, cause = decodeBody(format, body)
		}
		if cause != nil {
			break
		}
		page = append(page, entry{at: int64(at), record: &record})
		bytes += len(body)
		next++
	}
	switch err := translate(it.Close()); {
	case len(page) > 0:
		return page, nil // what stopped it will stop the next page
	case err != nil && !errors.Is(err, ports.ErrCorrupt):
		return nil, err
	case from < s.oldest.Load():
		return nil, ports.ErrOffsetExpired
	default:
		return s.salvage(ctx, from, durable)
	}
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
	defer sub.store.ops.Leave()
	position, err := strconv.ParseUint(p.Offset, 10, 64)
	if err != nil || p.Stream != "" || position > sub.delivered.Load() {
		return fmt.Errorf("nothing was delivered at %q of stream %q", p.Offset, p.Stream)
	}
	sub.committing.Lock()
	defer sub.committing.Unlock()
	select {
	case <-sub.closed: // by now; the consumer may have its next subscription already
		return ports.ErrClosed
	default:
	}
	if position <= sub.committed {
		return nil
	}
	if err := sub.store.saveOffset(sub.consumer, position); err != nil {
		return err
	}
	sub.committed = position
	return nil
}

// Close implements [ports.Subscription].
func (sub *subscription) Close() error {
	sub.closeOnce.Do(func() {
		// Behind a Commit that is under way, so that none comes after the consumer's next Subscribe or SeekEnd.
		sub.committing.Lock()
		close(sub.closed)
		sub.committing.Unlock()
		f := &sub.store.feed
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.open, sub.consumer)
	})
	return nil
}

// enter is [Store].enter for a method of the subscription.
func (sub *subscription) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-sub.closed:
		return ports.ErrClosed
	default:
		return sub.store.enter(ctx)
	}
}
