package hub

import (
	"context"
	"fmt"
	"strconv"

	"orderflow/ports"
)

// Subscription is one consumer's delivery. The state is in the consumer. The subscription only
// checks who may use it.
type Subscription struct {
	hub      *Hub
	consumer *consumer
	// closed is closed by Close.
	closed chan struct{}
}

// Next implements [ports.Subscription].
func (s *Subscription) Next(ctx context.Context) (ports.Delivery, error) {
	delivery, err := s.deliver(ctx)
	if err != nil {
		return ports.Delivery{}, fmt.Errorf("next of %s: %w", s.consumer.name, err)
	}
	return delivery, nil
}

func (s *Subscription) deliver(ctx context.Context) (ports.Delivery, error) {
	for {
		delivery, wait, err := s.poll(ctx)
		if err != nil {
			return ports.Delivery{}, err
		}
		if delivery != nil {
			return *delivery, nil
		}
		if wait == nil {
			if err := s.readPage(ctx); err != nil {
				return ports.Delivery{}, err
			}
			continue
		}
		select {
		case <-wait:
		case <-s.closed:
		case <-ctx.Done():
		}
	}
}

// poll returns the next delivery, or a channel to wait for. When it returns neither, a page of the
// log must be read.
func (s *Subscription) poll(ctx context.Context) (delivery *ports.Delivery, wait <-chan struct{}, err error) {
	h, c := s.hub, s.consumer
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return nil, nil, err
	}
	if len(c.page) > 0 {
		e := c.page[0]
		c.page[0] = Entry{} // a delivered record must not be kept alive
		c.page = c.page[1:]
		return s.hand(e, 0), nil, nil
	}
	if c.lost || !c.attached && h.expired(c) {
		return nil, nil, h.tooOld(c)
	}
	heartbeat := h.heartbeat(c)
	switch {
	case heartbeat != nil:
		return heartbeat, nil, nil
	case c.attached && c.next < h.end():
		c.next++
		return s.hand(h.tail[c.next-1-h.first], c.next-1), nil, nil
	case c.attached:
		return nil, h.changed, nil
	default:
		return nil, nil, nil
	}
}

func (s *Subscription) hand(e Entry, number uint64) *ports.Delivery {
	n := s.consumer.handOut(e, number)
	return &ports.Delivery{Record: e.record.Clone(), Position: ports.Position{Offset: strconv.FormatUint(n, 10)}}
}

// Commit implements [ports.Subscription].
func (s *Subscription) Commit(ctx context.Context, p ports.Position) error {
	h, c := s.hub, s.consumer
	h.mu.Lock()
	defer h.mu.Unlock()
	err := s.enter(ctx)
	n, syntax := strconv.ParseUint(p.Offset, 10, 64)
	switch {
	case err != nil:
	case syntax != nil || p.Stream != "" || n > c.delivered:
		err = fmt.Errorf("nothing was delivered at %q of stream %q", p.Offset, p.Stream)
	default:
		c.commit(n)
		return nil
	}
	return fmt.Errorf("commit of %s at %s: %w", c.name, p.Offset, err)
}

// Close implements [ports.Subscription]. The consumer can be subscribed again at once, from what it
// has committed.
func (s *Subscription) Close() error {
	h, c := s.hub, s.consumer
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.open == s {
		close(s.closed)
		h.rewind(c)
		c.open = nil
	}
	return nil
}

// enter refuses calls that can be refused before anything is done. The caller holds the hub's
// mutex.
func (s *Subscription) enter(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.hub.closed || s.consumer.open != s:
		return ports.ErrClosed
	default:
		return nil
	}
}
