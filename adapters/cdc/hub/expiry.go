package hub

import "time"

// floor is the time up to which the log has expired.
func (h *Hub) floor() time.Time {
	if h.kept == 0 {
		return h.dropped
	}
	return latest(h.dropped, h.config.Now().Add(-h.kept))
}

// Keep notes for how long the log keeps a row, 0 for ever, and when its first stream set starts, before
// which there are no rows that can be found. It returns the time that was noted before. The time of
// the configuration counts where it is shorter. What has expired stays so, whatever the log is told
// from now on.
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

// Expire drops from the tail what the log holds no longer either, so that memory never makes the feed look better than a
// restart would find it, and looks whose offset has expired.
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

// expired tells whether the log may have lost something behind the consumer's offset: what the consumer has not committed, or,
// when the safe reader has not worked for that long, what nobody has seen.
func (h *Hub) expired(c *consumer) bool {
	floor := h.floor()
	c.lost = c.lost || !c.attached && c.from.Before(floor) || h.offset(c).Before(floor)
	return c.lost
}
