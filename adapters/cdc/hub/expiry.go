package hub

import "time"

// floor returns the time up to which the log has expired. While the clock of this process is ahead
// it is too late: then more counts as expired, which costs a catch-up and loses nothing.
func (h *Hub) floor() time.Time { return h.floorAt(h.config.Now()) }

// floorAt returns the time up to which the log has expired, when now is the time of the servers.
func (h *Hub) floorAt(now time.Time) time.Time {
	if h.kept == 0 {
		return h.dropped
	}
	return latest(h.dropped, now.Add(-h.kept))
}

// Keep sets how long the log keeps a row (0 means for ever), and when its first stream set starts.
// Before that there are no rows that can be found. It returns the previous time. A shorter time in
// the configuration wins. What has expired stays expired. So now must be the time of a server.
func (h *Hub) Keep(log time.Duration, first, now time.Time) (before time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, h.logKeeps = h.logKeeps, log
	h.dropped = h.floorAt(now)
	if !first.After(now) {
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
