package memory

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// message is a record in the outbox with the time at which it was added.
type message struct {
	record eventsourcing.Record
	at     time.Time
}

// end is the number of the last message. Messages are numbered from 1.
func (d *data) end() uint64 { return d.expired + uint64(len(d.outbox)) }

// message returns the message with a number above d.expired and up to d.end().
func (d *data) message(number uint64) message { return d.outbox[number-d.expired-1] }

// Subscribe implements [ports.ChangeFeed].
func (s *Store) Subscribe(ctx context.Context, consumer string) (ports.Subscription, error) {
	if err := s.enter(ctx); err != nil {
		return nil, fmt.Errorf("subscribe %s: %w", consumer, err)
	}
	defer s.mu.Unlock()
	offset, known := s.data.offsets[consumer]
	switch {
	case s.subscriptions[consumer] != nil:
		return nil, fmt.Errorf("subscribe %s: the consumer already has an open subscription", consumer)
	case !known:
		return nil, fmt.Errorf("subscribe %s: %w", consumer, ports.ErrNoOffset)
	case offset < s.data.expired:
		return nil, fmt.Errorf("subscribe %s: %w: at %d, and %d are gone",
			consumer, ports.ErrOffsetExpired, offset, s.data.expired)
	}
	sub := &subscription{store: s, consumer: consumer, delivered: offset}
	s.subscriptions[consumer] = sub
	return sub, nil
}

// SeekEnd implements [ports.ChangeFeed].
func (s *Store) SeekEnd(ctx context.Context, consumer string) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("seek end for %s: %w", consumer, err)
	}
	defer s.mu.Unlock()
	if s.subscriptions[consumer] != nil {
		return fmt.Errorf("seek end for %s: the consumer has an open subscription", consumer)
	}
	s.data.offsets[consumer] = s.data.end()
	return nil
}

// Lag implements [ports.ChangeFeed].
func (s *Store) Lag(ctx context.Context, consumer string) (ports.Lag, error) {
	if err := s.enter(ctx); err != nil {
		return ports.Lag{}, fmt.Errorf("lag of %s: %w", consumer, err)
	}
	defer s.mu.Unlock()
	offset, known := s.data.offsets[consumer]
	if !known || offset < s.data.expired {
		return ports.Lag{}, nil
	}
	lag := ports.Lag{Events: s.data.end() - offset, Known: true}
	if lag.Events > 0 {
		lag.Age = max(0, s.now().Sub(s.data.message(offset+1).at))
	}
	return lag, nil
}

// Expire drops every record from the feed, as if its time to live were over. A consumer that has
// not read to the end must then be brought up to date from the event store.
func (s *Store) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data.expired, s.data.outbox = s.data.end(), nil
	s.wake()
}

// subscription holds how far one consumer has read.
type subscription struct {
	store    *Store
	consumer string

	// Guarded by the mutex of the store.
	delivered uint64
	// beats are the heartbeats that wait to be delivered.
	beats  []beat
	closed bool
}

// Next implements [ports.Subscription].
func (sub *subscription) Next(ctx context.Context) (ports.Delivery, error) {
	for {
		delivery, changed, err := sub.poll(ctx)
		if err != nil {
			return ports.Delivery{}, fmt.Errorf("next of %s: %w", sub.consumer, err)
		}
		if changed == nil {
			return delivery, nil
		}
		select {
		case <-changed:
		case <-ctx.Done(): // poll returns the error
		}
	}
}

// poll returns the next delivery if there is one. Otherwise it returns a channel that is closed
// when there may be one.
func (sub *subscription) poll(ctx context.Context) (ports.Delivery, <-chan struct{}, error) {
	if err := sub.enter(ctx); err != nil {
		return ports.Delivery{}, nil, err
	}
	s := sub.store
	defer s.mu.Unlock()
	if sub.delivered < s.data.expired {
		return ports.Delivery{}, nil, ports.ErrOffsetExpired
	}
	if heartbeat, due := sub.heartbeat(); due {
		return heartbeat, nil, nil
	}
	if sub.delivered == s.data.end() {
		return ports.Delivery{}, s.changed, nil
	}
	sub.delivered++
	return ports.Delivery{Record: s.data.message(sub.delivered).record.Clone(), Position: positionAt(sub.delivered)}, nil, nil
}

// positionAt returns the position of a message.
func positionAt(number uint64) ports.Position {
	return ports.Position{Offset: strconv.FormatUint(number, 10)}
}

// Commit implements [ports.Subscription].
func (sub *subscription) Commit(ctx context.Context, p ports.Position) error {
	if err := sub.enter(ctx); err != nil {
		return fmt.Errorf("commit of %s at %s: %w", sub.consumer, p.Offset, err)
	}
	s := sub.store
	defer s.mu.Unlock()
	number, err := strconv.ParseUint(p.Offset, 10, 64)
	if err != nil || p.Stream != "" || number > sub.delivered {
		return fmt.Errorf("commit of %s at %q of %q: nothing was delivered there", sub.consumer, p.Offset, p.Stream)
	}
	s.data.offsets[sub.consumer] = max(number, s.data.offsets[sub.consumer])
	return nil
}

// Close implements [ports.Subscription].
func (sub *subscription) Close() error {
	s := sub.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub.closed {
		return nil
	}
	sub.closed = true
	if s.subscriptions[sub.consumer] == sub { // not so once the store is closed
		delete(s.subscriptions, sub.consumer)
	}
	s.wake()
	return nil
}

// enter is [Store].enter for the methods of the subscription.
func (sub *subscription) enter(ctx context.Context) error {
	if err := sub.store.enter(ctx); err != nil {
		return err
	}
	if sub.closed {
		sub.store.mu.Unlock()
		return ports.ErrClosed
	}
	return nil
}
