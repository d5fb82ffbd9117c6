package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"orderflow/ports"
)

// feed is the open subscription of each consumer.
type feed struct {
	mu   sync.Mutex
	open map[string]*subscription
}

// Subscribe implements [ports.ChangeFeed].
func (s *Store) Subscribe(ctx context.Context, consumer string) (ports.Subscription, error) {
	sub, err := s.subscribe(ctx, consumer)
	if err != nil {
		return nil, fmt.Errorf("subscribe %s: %w", consumer, err)
	}
	return sub, nil
}

func (s *Store) subscribe(ctx context.Context, consumer string) (*subscription, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.ops.Leave()
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	if err := s.checkNotSubscribed(consumer); err != nil {
		return nil, err
	}
	offset, known, err := s.offset(consumer)
	switch {
	case errors.Is(err, ports.ErrCorrupt):
		s.note("offset of "+consumer, nameKey(spaceOffset, consumer), err, "the consumer is brought up to date from the event store")
		return nil, fmt.Errorf("%w: %w", ports.ErrOffsetExpired, err)
	case err != nil:
		return nil, err
	case !known:
		return nil, ports.ErrNoOffset
	case offset+1 < s.oldest.Load():
		return nil, fmt.Errorf("%w: it is at %d, and the feed starts at %d", ports.ErrOffsetExpired, offset, s.oldest.Load())
	}
	sub := &subscription{store: s, consumer: consumer, closed: make(chan struct{}), next: offset + 1, committed: offset, hadBeats: s.ring.beaten()}
	sub.delivered.Store(offset)
	s.feed.open[consumer] = sub
	return sub, nil
}

// checkNotSubscribed refuses a consumer that has an open subscription. The caller holds the lock of the feed.
func (s *Store) checkNotSubscribed(consumer string) error {
	if s.feed.open[consumer] != nil {
		return fmt.Errorf("%w: the consumer has an open subscription", ports.ErrUnavailable)
	}
	return nil
}

// SeekEnd implements [ports.ChangeFeed].
func (s *Store) SeekEnd(ctx context.Context, consumer string) error {
	if err := s.seekEnd(ctx, consumer); err != nil {
		return fmt.Errorf("seek end for %s: %w", consumer, err)
	}
	return nil
}

func (s *Store) seekEnd(ctx context.Context, consumer string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.ops.Leave()
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	if err := s.checkNotSubscribed(consumer); err != nil {
		return err
	}
	return s.saveOffset(consumer, s.durable.Load())
}

// saveOffset saves the offset of a consumer, without an fsync: in the log it comes behind the effects that it speaks of.
func (s *Store) saveOffset(consumer string, position uint64) error {
	batch := s.db.NewBatch()
	put(batch, nameKey(spaceOffset, consumer), encodePosition(position))
	return s.write(batch)
}

// offset returns the saved offset of a consumer, and whether there is one.
func (s *Store) offset(consumer string) (offset uint64, known bool, err error) {
	value, err := s.get(nameKey(spaceOffset, consumer))
	if err != nil || value == nil {
		return 0, false, translate(err)
	}
	if offset, err = decodePosition(value); err != nil {
		return 0, false, corrupt(err)
	}
	if end := s.durable.Load(); offset > end {
		return 0, false, corrupt(fmt.Errorf("the offset of %s is %d, but the feed ends at %d", consumer, offset, end))
	}
	return offset, true, nil
}

// Lag implements [ports.ChangeFeed].
func (s *Store) Lag(ctx context.Context, consumer string) (ports.Lag, error) {
	lag, err := s.lag(ctx, consumer)
	if err != nil {
		return ports.Lag{}, fmt.Errorf("lag of %s: %w", consumer, err)
	}
	return lag, nil
}

func (s *Store) lag(ctx context.Context, consumer string) (ports.Lag, error) {
	if err := s.enter(ctx); err != nil {
		return ports.Lag{}, err
	}
	defer s.ops.Leave()
	offset, known, err := s.offset(consumer)
	if errors.Is(err, ports.ErrCorrupt) {
		return ports.Lag{}, nil // Subscribe tells
	}
	if err != nil || !known || offset+1 < s.oldest.Load() {
		return ports.Lag{}, err
	}
	lag := ports.Lag{Events: s.durable.Load() - offset, Known: true}
	if lag.Events == 0 {
		return lag, nil
	}
	since, found, err := s.commitTime(offset + 1)
	if err != nil || !found && offset+1 < s.oldest.Load() { // it expired just now
		return ports.Lag{}, err
	}
	lag.Age = max(0, s.options.Now().Sub(since)).Round(time.Millisecond)
	return lag, nil
}
