package hub

import (
	"slices"
	"sort"
	"strconv"
	"time"

	"orderflow/ports"
)

// heartbeat is a heartbeat that was found in the log.
type heartbeat struct {
	at time.Time
	// place is the time of its row.
	place time.Time
	// number counts the heartbeats that were passed on, from 1. after is the number of the record
	// in the tail that follows it.
	number, after uint64
}

// The bounds of what is kept: heartbeats that wait to be passed on, and those that were passed on.
// At one heartbeat a second, the latter are a quarter of an hour.
const (
	mostWaiting = 64
	mostPassed  = 1024
)

// pulse is what the hub knows about heartbeats. The hub's mutex guards it.
//
// A heartbeat is one row in one stream. It counts for a reader only when that reader has found it
// and has then read all streams up to its place. So each heartbeat shows that the reader works and
// has got that far. All of them together show that the reader finds rows in all streams. A
// heartbeat that counts for either reader is passed on to the consumers, once, in the order of the
// log, after every record before it that any reader has found, including held records.
type pulse struct {
	// found holds those that do not count yet, by reader. newest is the last time that counted.
	found  [2][]heartbeat
	newest [2]time.Time
	// counted holds those that wait for held records.
	counted []heartbeat
	// passed holds the last ones that were passed on. last is the newest of all, even when passed
	// is empty.
	passed []heartbeat
	last   heartbeat
}

// hear accepts a heartbeat that a reader has found.
func (h *Hub) hear(b heartbeat, from Source) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &h.pulse
	if slices.ContainsFunc(p.found[from], func(other heartbeat) bool { return other.place.Equal(b.place) }) {
		return // another row of the same change
	}
	p.found[from] = wait(p.found[from], b)
}

// wait adds a heartbeat to those that wait. When there are too many, it replaces the previous one.
// The oldest must stay, because it is the next to count.
func wait(waiting []heartbeat, b heartbeat) []heartbeat {
	if n := len(waiting); n == mostWaiting {
		waiting = waiting[:n-1]
	}
	return append(waiting, b)
}

// passBeats passes on the heartbeats that count by now, and reports whether there were any. The
// caller holds the mutex.
func (h *Hub) passBeats() (any bool) {
	p := &h.pulse
	for reader, horizon := range [...]time.Time{Fast: h.horizon, Safe: h.safe} {
		p.found[reader] = slices.DeleteFunc(p.found[reader], func(b heartbeat) bool {
			if b.place.After(horizon) {
				return false
			}
			if b.at.After(p.newest[reader]) {
				p.newest[reader] = b.at
			}
			p.counted = wait(p.counted, b)
			return true
		})
	}
	if len(p.counted) == 0 {
		return false
	}
	slices.SortStableFunc(p.counted, func(a, b heartbeat) int { return a.place.Compare(b.place) })
	first, held := h.firstHeld()
	p.counted = slices.DeleteFunc(p.counted, func(b heartbeat) bool {
		if held && !b.place.Before(first) {
			return false
		}
		if b.place.After(p.last.place) { // otherwise the other reader was faster
			h.pass(b)
			any = true
		}
		return true
	})
	return any
}

// firstHeld returns the earliest time of a record that is held, if there is one.
func (h *Hub) firstHeld() (first time.Time, held bool) {
	for _, w := range h.held {
		for _, e := range w.entries {
			if !held || e.at.Before(first) {
				first, held = e.at, true
			}
		}
	}
	return first, held
}

// pass adds a heartbeat after the tail. It replaces one at the same place.
func (h *Hub) pass(b heartbeat) {
	p := &h.pulse
	b.number, b.after = p.last.number+1, h.end()
	p.last = b
	switch n := len(p.passed); {
	case n > 0 && p.passed[n-1].after == b.after:
		p.passed = p.passed[:n-1]
	case n == mostPassed:
		p.passed = append(p.passed[:0], p.passed[1:]...)
	}
	p.passed = append(p.passed, b)
}

// heartbeat returns the newest heartbeat for a consumer, if any: one before which everything was
// delivered. A consumer that reads the log separately gets none, because it is not known what it
// still has to read. It gets them again when it is attached.
func (h *Hub) heartbeat(c *consumer) *ports.Delivery {
	if !c.attached {
		return nil
	}
	passed := h.pulse.passed
	n := sort.Search(len(passed), func(i int) bool { return passed[i].after > c.next })
	if n == 0 || passed[n-1].number <= c.heard {
		return nil
	}
	c.heard = passed[n-1].number
	// It has the position of the delivery before it. So a commit of it commits everything before
	// it.
	return &ports.Delivery{Beat: passed[n-1].at, Position: ports.Position{Offset: strconv.FormatUint(c.delivered, 10)}}
}
