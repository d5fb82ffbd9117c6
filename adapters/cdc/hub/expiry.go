package hub

import "time"

// floor returns the time up to which the log has expired.
func (h *Hub) floor() time.Time {
	if h.kept == 0 {
		return h.dropped
	}
	return latest(h.dropped, h.config.Now().Add(-h.kept))
}

// Keep sets how long the log keeps a row (0 means for ever), and when its first stream set starts.
// Before that there are no rows that can be found. It returns the previous time. A shorter time in
// the configuration wins. What has expired stays expired.
func (h *Hub) Keep(log time.Duration, first time.Time) (before time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, h.logKeeps = h.logKeeps, log
	h.dropped = h.floor()
	if !first.After(h.config.Now()) {
		h.dropped = latest(h.dropped, first)
	}
	h.kept = log
	if r := h.config.Retention; r > 0 && (log == 0 || r < log) {
		h.kept = r
	}
	return before
}

// Expire drops what the log no longer holds from the tail, so that memory never makes the feed look
// better than after a restart. It also checks whose offset has expired.
func (h *Hub) Expire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for floor := h.floor(); len(h.tail) > 0 && h.tail[0].at.Before(floor); {
		h.evict()
	}
	for _, c := range h.consumers {
		h.expired(c)
	}
	h.wake()
}

// expired reports whether the log may have lost something after the consumer's offset: records that
// the consumer has not committed, or rows that were never read because the safe reader has not
// worked for that long.
func (h *Hub) expired(c *consumer) bool {
	floor := h.floor()
	c.lost = c.lost || !c.attached && c.from.Before(floor) || h.offset(c).Before(floor)
	return c.lost
}
