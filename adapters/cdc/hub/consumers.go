package hub

import (
	"context"
	"fmt"
	"time"

	"orderflow/ports"
)

// ErrSubscribed says that a consumer already has a subscription here.
var ErrSubscribed = fmt.Errorf("%w: the consumer has an open subscription", ports.ErrUnavailable)

// mostAsked bounds the consumers of which this process knows only the name.
const mostAsked = 1000

// Close ends the subscriptions. It may be called more than once.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.wake()
}

// Closed reports whether Close was called.
func (h *Hub) Closed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}

// Open reports whether a consumer has a subscription here. Its stored offset is then older than the
// one in memory.
func (h *Hub) Open(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.consumers[name]
	return c != nil && c.open != nil
}

// Unused reports whether nothing reads from the hub or waits for it: no consumer is subscribed, and
// there is no tail.
func (h *Hub) Unused() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.consumers {
		if c.open != nil {
			return false
		}
	}
	return len(h.tails)+h.settling == 0
}

// Loaded sets the stored offset of a consumer without a subscription. found is false when nothing
// is stored.
func (h *Hub) Loaded(name string, at time.Time, found bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch c := h.consumers[name]; {
	case !found:
		delete(h.consumers, name)
	case c == nil || !c.saved.Equal(at): // unknown here, or another process has moved it
		h.consumers[name] = &consumer{name: name, from: at, reach: at, saved: at}
	}
}

// Subscribe starts delivery after the offset that was set last.
//
// Errors: [ErrSubscribed], [ports.ErrClosed], [ports.ErrNoOffset], [ports.ErrOffsetExpired].
func (h *Hub) Subscribe(name string) (*Subscription, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.consumers[name]
	switch {
	case h.closed:
		return nil, ports.ErrClosed
	case c == nil:
		return nil, ports.ErrNoOffset
	case c.open != nil:
		return nil, ErrSubscribed
	case h.expired(c):
		return nil, h.tooOld(c)
	}
	c.open, c.delivered, c.heard = &Subscription{hub: h, consumer: c, closed: make(chan struct{})}, 0, h.pulse.last.number
	return c.open, nil
}

// tooOld returns the error for a consumer whose offset has expired.
func (h *Hub) tooOld(c *consumer) error {
	return fmt.Errorf("%w: it is at %s, and the log starts at %s",
		ports.ErrOffsetExpired, show(h.offset(c)), show(h.floor()))
}

// End is the end of the feed at some time, for a consumer that continues there.
type End struct {
	consumer *consumer
	// At is the offset to be saved.
	At time.Time
}

// End returns the end of the feed. Everything up to the given time was in the event store before
// the call. now is the time of a server.
func (h *Hub) End(name string, at, now time.Time) (End, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.consumers[name]; c != nil && c.open != nil {
		return End{}, ErrSubscribed
	}
	end := &consumer{name: name}
	h.seekEnd(end)
	return End{end, latest(at, h.floorAt(now))}, nil // before that there was no log
}

// Seek moves the consumer to the end whose offset was saved.
func (h *Hub) Seek(end End) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ports.ErrClosed
	}
	c := end.consumer
	c.saved = end.At
	if c.next < h.first { // evicted while the offset was saved
		c.attached, c.from, c.reach = false, end.At, end.At
	}
	h.consumers[c.name] = c
	return nil
}

// Lag returns how far a consumer is behind, from what is in memory.
func (h *Hub) Lag(name string) (ports.Lag, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ports.Lag{}, ports.ErrClosed
	}
	if c := h.consumers[name]; c != nil {
		return h.lag(c), nil
	}
	if len(h.asked) < mostAsked {
		h.asked[name] = true
	}
	return ports.Lag{}, nil
}

// Moved returns the names of the consumers whose offsets must be saved. They count as being saved
// until [Hub.Saved].
func (h *Hub) Moved() (names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, c := range h.consumers {
		if !c.lost && !c.saving && h.offset(c).After(c.saved) {
			c.saving = true
			names = append(names, name)
		}
	}
	return names
}

// Offset returns the offset of a consumer that must be saved. moved is false if there is none, or
// no longer.
func (h *Hub) Offset(name string) (at time.Time, moved bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.consumers[name]
	if c == nil || c.lost {
		return at, false
	}
	at = h.offset(c)
	return at, at.After(c.saved)
}

// Saved sets the result of the save of an offset. It reports whether that is the first failure in a
// row.
func (h *Hub) Saved(name string, at time.Time, err error) (news bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.consumers[name]
	if c == nil {
		return false
	}
	if err == nil && !at.IsZero() {
		c.saved = at
	}
	news = err != nil && !c.failing
	c.saving, c.failing = false, err != nil
	return news
}

// Elsewhere returns the names of the consumers that have no subscription here. Another process may
// move them.
func (h *Hub) Elsewhere() (names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range h.asked {
		names = append(names, name)
	}
	clear(h.asked)
	for name, c := range h.consumers {
		if c.open == nil {
			names = append(names, name)
		}
	}
	return names
}

// Unavailable turns an error of a read into an error of package ports.
func Unavailable(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return fmt.Errorf("%w: %w", ports.ErrUnavailable, err)
}
