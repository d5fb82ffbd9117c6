package hub

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// The bounds of how much of the log a page covers. The window grows over quiet times, and shrinks until what it holds fits.
const (
	firstWindow = time.Minute
	widest      = time.Hour
	narrowest   = time.Millisecond
)

// readPage reads a part of the log for a consumer that is behind, and attaches it to the tail when that was the last one.
//
// Every record that has a number in the tail below end, noted before the page is read, is in the log up to newest, noted
// together with it. So a page that goes up to newest is the last: what it does not have comes from the tail, from end on.
// What readers find in the time that a consumer has read or is reading, before it is attached, goes to consumer.late.
func (s *Subscription) readPage(ctx context.Context) error {
	h, c := s.hub, s.consumer
	h.mu.Lock()
	from, newest, end := c.from, h.newest, h.end()
	to := earliest(from.Add(cmp.Or(c.window, firstWindow)), newest)
	if from.After(newest) {
		to = from
	}
	c.reach, c.sentBack = to, false
	h.mu.Unlock()

	var page []Entry
	if to.After(from) {
		var err error
		if page, to, err = h.config.Read(ctx, from, to); err != nil {
			return Unavailable(ctx, fmt.Errorf("read the log of %s to %s: %w", show(from), show(to), err))
		}
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	if c.open != s {
		return nil // closed meanwhile; the next poll says so
	}
	c.learn(to.Sub(from), len(page), h.config.CatchUpRecords)
	// Unless what it needs next was evicted, or it was sent back, while the page was read.
	last := !to.Before(newest) && end >= h.first && !c.sentBack
	h.take(c, page, end)
	switch {
	case last:
		c.attached, c.next, c.late = true, end, nil
	case !c.sentBack:
		c.from = to
	}
	return nil
}

// take makes the consumer's page of what was read from the log, and of what came late. Left out is what is done, and what the
// hub had not yet let go when it had let go of all below end: that is late or will be, or comes from the tail, behind its
// predecessor. A record that the hub does not know is taken for one that is yet to come when the safe reader has not got there
// and it is younger than all that the hub has forgotten. Else it was there before this process, or may be forgotten after
// both readers have found it, which they do stream by stream; nobody would bring it again.
func (h *Hub) take(c *consumer, read []Entry, end uint64) {
	yetToCome := latest(h.safe, h.forgotten)
	have := map[key]bool{}
	for _, e := range read {
		was, known := h.known.get(e.key())
		switch {
		case have[e.key()], known && was.number == 0, !known && e.at.After(yetToCome), known && was.number < c.next, was.number >= end:
		default:
			have[e.key()] = true
			c.page = append(c.page, e)
		}
	}
	c.late = slices.DeleteFunc(c.late, func(e numbered) bool {
		if e.number < end && !have[e.key()] {
			c.page = append(c.page, e.Entry)
		}
		return e.number < end
	})
	arrange(c.page)
	h.stats.CaughtUp += uint64(len(c.page))
}

// arrange sorts by time, and within each aggregate by sequence number: a later event may have been written first.
func arrange(page []Entry) {
	slices.SortStableFunc(page, func(a, b Entry) int { return a.at.Compare(b.at) })
	places := map[uuid.UUID][]int{}
	for i, e := range page {
		places[e.record.AggregateID] = append(places[e.record.AggregateID], i)
	}
	for _, at := range places {
		entries := make([]Entry, len(at))
		for i, place := range at {
			entries[i] = page[place]
		}
		slices.SortStableFunc(entries, func(a, b Entry) int { return cmp.Compare(a.record.SequenceNumber, b.record.SequenceNumber) })
		for i, place := range at {
			page[place] = entries[i]
		}
	}
}

// learn makes the window of the next page fit the last one.
func (c *consumer) learn(covered time.Duration, records, limit int) {
	if covered <= 0 {
		return
	}
	c.window = max(narrowest, covered)
	if records < limit/2 {
		c.window = min(widest, 2*c.window)
	}
}
