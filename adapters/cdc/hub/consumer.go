package hub

import (
	"time"

	"orderflow/adapters/cdc/cdclog"
	"orderflow/ports"
)

// consumer is where one consumer stands. The hub's mutex guards it.
//
// Attached, it reads the tail from number next on. Detached, because what it needs next is not in the tail, it reads the log
// behind the time from, except for what the hub knows to have a number below next: that is done.
type consumer struct {
	name     string
	open     *Subscription
	attached bool
	next     uint64
	from     time.Time
	// reach is how far the page that is being read from the log goes; what is let go late, from before that, goes to late.
	reach time.Time
	late  []numbered
	// sentBack says that late had no room since the read began: what was left out is to be read again.
	sentBack bool
	// window is how much of the log the next page covers, 0 before the first.
	window time.Duration
	// page was read from the log and not handed out yet.
	page []Entry

	// inFlight was handed out and is not committed, in the order of delivery; delivered numbers the last one.
	inFlight  []flight
	delivered uint64
	// heard is the number of the last heartbeat that the consumer needs no more.
	heard uint64

	// saving is set while the offset is being saved, and failing when that failed the last time.
	saving, failing bool
	// saved is the offset that is stored, and lost whether the log had lost something behind the offset when that was looked at
	// last.
	saved time.Time
	lost  bool
}

// numbered is an entry of the tail and its number.
type numbered struct {
	Entry
	number uint64
}

// flight is a delivery that is not committed. number is that in the tail, 0 when it came from the log.
type flight struct {
	delivery, number uint64
	at               time.Time
}

// pending returns the earliest time of what is not handed out to the consumer, minus a cdclog.Tick: all before that has been. The
// limit is the answer when there is nothing.
func (h *Hub) pending(c *consumer, limit time.Time) time.Time {
	for _, e := range c.page {
		limit = earliest(limit, e.at.Add(-cdclog.Tick))
	}
	for _, e := range c.late {
		limit = earliest(limit, e.at.Add(-cdclog.Tick))
	}
	if !c.attached {
		return earliest(limit, c.from)
	}
	for _, e := range h.from(c.next) {
		limit = earliest(limit, e.at.Add(-cdclog.Tick))
	}
	return limit
}

// uncommitted is like pending for what is not committed.
func (h *Hub) uncommitted(c *consumer, limit time.Time) time.Time {
	limit = h.pending(c, limit)
	for _, f := range c.inFlight {
		limit = earliest(limit, f.at.Add(-cdclog.Tick))
	}
	return limit
}

// offset is the time up to which the consumer is done with the whole log. It never passes the safe reader, because a row that
// the fast one missed may lie behind that, nor a record that is held. One that was saved stays true.
func (h *Hub) offset(c *consumer) time.Time {
	limit := h.uncommitted(c, h.safe)
	for _, w := range h.held {
		for _, e := range w.entries {
			limit = earliest(limit, e.at.Add(-cdclog.Tick))
		}
	}
	if c.saved.After(limit) {
		return c.saved
	}
	return limit
}

// detach makes a consumer read the log, as the tail is about to lose what it needs.
func (h *Hub) detach(c *consumer) {
	c.from = h.pending(&consumer{attached: true, next: c.next}, h.newest)
	c.attached, c.reach = false, c.from
	h.stats.Detached++
}

// noteLate remembers a record for a detached consumer that has read, or is reading, the log beyond it.
func (c *consumer) noteLate(e Entry, number uint64, limit int) {
	switch {
	case c.attached || e.at.After(c.reach):
	case c.open == nil || len(c.late) >= limit: // back to it
		c.from, c.sentBack = earliest(c.from, e.at.Add(-cdclog.Tick)), true
	default:
		c.late = append(c.late, numbered{e, number})
	}
}

// handOut numbers a delivery.
func (c *consumer) handOut(e Entry, number uint64) uint64 {
	c.delivered++
	c.inFlight = append(c.inFlight, flight{c.delivered, number, e.at})
	return c.delivered
}

// commit forgets what is done.
func (c *consumer) commit(delivery uint64) {
	for len(c.inFlight) > 0 && c.inFlight[0].delivery <= delivery {
		c.inFlight = c.inFlight[1:]
	}
}

// rewind makes what was not committed come again, and forgets that it was handed out.
func (h *Hub) rewind(c *consumer) {
	switch {
	case len(c.page)+len(c.late) > 0:
		c.from, c.next, c.attached = h.uncommitted(c, h.newest), 0, false
	case len(c.inFlight) == 0:
	case c.inFlight[0].number >= h.first:
		c.next, c.attached = c.inFlight[0].number, true
	default: // from the log, number 0, or evicted since
		c.from, c.next, c.attached = h.uncommitted(c, h.newest), c.inFlight[0].number, false
	}
	c.reach, c.page, c.late, c.inFlight = c.from, nil, nil, nil
}

// seekEnd puts a consumer at the end of the feed.
func (h *Hub) seekEnd(c *consumer) {
	*c = consumer{name: c.name, attached: true, next: h.end(), saved: c.saved}
}

// lag tells how far the consumer is behind, if that can be told: its uncommitted records must all be in
// memory, and both readers must have read the log up to some time ago, or the end of the feed is not
// known.
func (h *Hub) lag(c *consumer) ports.Lag {
	now := h.config.Now()
	fresh := h.begun && !h.safe.Before(now.Add(-h.config.Stale)) && !h.covered.Before(now.Add(-h.config.Fresh))
	if !c.attached || c.lost || !fresh {
		return ports.Lag{}
	}
	lag := ports.Lag{
		Known: true, Events: uint64(len(c.inFlight)+len(c.page)+len(c.late)) + h.end() - c.next,
		Stale: max(0, now.Sub(h.covered)),
	}
	if lag.Events > 0 {
		lag.Age = max(0, now.Sub(h.uncommitted(c, now)))
	}
	return lag
}
