package hub

import (
	"slices"
	"time"

	"orderflow/adapters/cdc/cdclog"
	"orderflow/ports"
)

// consumer is the place of one consumer in the feed. The hub's mutex guards it.
//
// An attached consumer reads the tail from number next on. A detached consumer needs a record that
// is not in the tail. It reads the log after the time from, and leaves out records whose number in
// the hub is below next, because these are done.
type consumer struct {
	name     string
	open     *Subscription
	attached bool
	next     uint64
	from     time.Time
	// reach is the end of the page that is being read from the log. Records before it that are
	// released late go to late.
	reach time.Time
	late  []numbered
	// back is the time before the first record that did not fit into late since the read began, if
	// there is one. Those records must be read again.
	back time.Time
	// window is how much of the log the next page covers, 0 before the first.
	window time.Duration
	// page holds records that were read from the log and are not delivered yet.
	page []Entry

	// inFlight holds what was delivered and is not committed, in the order of delivery. delivered
	// is the number of the last one.
	inFlight  []flight
	delivered uint64
	// heard is the number of the last heartbeat that the consumer does not need any more.
	heard uint64

	// saving is set while the offset is being saved. failing is set when the last save failed.
	saving, failing bool
	// saved is the stored offset. lost reports whether the log had lost something after the offset
	// at the last check.
	saved time.Time
	lost  bool
}

// numbered is an entry of the tail and its number.
type numbered struct {
	Entry
	number uint64
}

// flight is a delivery that is not committed. number is its number in the tail, or 0 when it came
// from the log. Then the entry is complete, and otherwise it has only its time.
type flight struct {
	Entry
	delivery, number uint64
}

// pending returns the earliest time of the records that are not delivered to the consumer, minus a
// cdclog.Tick. Everything before that has been delivered. It returns limit when there are none.
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

// uncommitted does the same for records that are not committed.
func (h *Hub) uncommitted(c *consumer, limit time.Time) time.Time {
	limit = h.pending(c, limit)
	for _, f := range c.inFlight {
		limit = earliest(limit, f.at.Add(-cdclog.Tick))
	}
	return limit
}

// offset returns the time up to which the consumer has finished the whole log. It is never after
// the safe reader's progress, because a row that the fast reader missed may come after that. It is
// never after a held record. An offset that was saved stays true.
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

// detach makes a consumer read the log, because the tail is about to drop a record that it needs.
func (h *Hub) detach(c *consumer) {
	c.from = h.pending(&consumer{attached: true, next: c.next}, h.newest)
	c.attached, c.reach = false, c.from
	h.stats.Detached++
}

// noteLate keeps a record for a detached consumer that has read, or is reading, the log beyond the
// record.
func (c *consumer) noteLate(e Entry, number uint64, limit int) {
	switch {
	case c.attached || e.at.After(c.reach):
	case c.open == nil || len(c.late) >= limit: // send the consumer back to it
		before := e.at.Add(-cdclog.Tick)
		c.from = earliest(c.from, before)
		if c.back.IsZero() || before.Before(c.back) {
			c.back = before
		}
	default:
		c.late = append(c.late, numbered{e, number})
	}
}

// handOut numbers a delivery.
func (c *consumer) handOut(e Entry, number uint64) uint64 {
	c.delivered++
	if number > 0 {
		e = Entry{at: e.at} // it can be read again, so it must not be kept alive
	}
	c.inFlight = append(c.inFlight, flight{e, c.delivered, number})
	return c.delivered
}

// commit drops what is done.
func (c *consumer) commit(delivery uint64) {
	for len(c.inFlight) > 0 && c.inFlight[0].delivery <= delivery {
		c.inFlight[0] = flight{}
		c.inFlight = c.inFlight[1:]
	}
}

// rewind makes uncommitted records come again, as if they had not been delivered. Those from the
// log go back to the page, and the page stays. If the consumer read it again, it would get much of
// what it has committed again: a page is not in the order of times where a later event of an
// aggregate has an earlier time. Then a consumer that is closed after a few records, again and
// again, would never get any further.
func (h *Hub) rewind(c *consumer) {
	fromLog := slices.IndexFunc(c.inFlight, func(f flight) bool { return f.number > 0 })
	if fromLog < 0 {
		fromLog = len(c.inFlight)
	}
	again := make([]Entry, fromLog, fromLog+len(c.page))
	for i, f := range c.inFlight[:fromLog] {
		again[i] = f.Entry
	}
	switch fromTail := c.inFlight[fromLog:]; {
	case len(fromTail) == 0:
		c.page = append(again, c.page...)
	case len(c.page)+len(c.late) == 0 && fromTail[0].number >= h.first:
		c.page, c.next, c.attached = again, fromTail[0].number, true
	case len(c.page)+len(c.late)+len(again) == 0: // evicted in the meantime
		c.from, c.next, c.attached = h.uncommitted(c, h.newest), fromTail[0].number, false
	default: // delivered before the consumer fell behind
		c.from, c.next, c.attached = h.uncommitted(c, h.newest), 0, false
		c.page, c.late = nil, nil
	}
	c.inFlight = nil
	c.leave() // a read may be in progress
}

// seekEnd moves a consumer to the end of the feed.
func (h *Hub) seekEnd(c *consumer) {
	*c = consumer{name: c.name, attached: true, next: h.end(), saved: c.saved}
}

// lag returns how far the consumer is behind, if that is known. For this all its uncommitted
// records must be in memory, and both readers must have read the log up to a recent time. Otherwise
// the end of the feed is not known.
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
