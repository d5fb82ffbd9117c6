package hub

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// The bounds of how much of the log a page covers. The window grows in quiet times, and shrinks
// until its rows fit.
const (
	firstWindow = time.Minute
	widest      = time.Hour
	narrowest   = time.Millisecond
)

// readPage reads a part of the log for a consumer that is behind. It attaches the consumer to the
// tail when that was the last part.
//
// end and newest are read together, before the page. Every record with a number below end is in the
// log up to newest. So a page that goes up to newest is the last one. Later records come from the
// tail, from end on. While the consumer reads and until it is attached, records that readers find
// in the time that it has read or is reading go to consumer.late.
func (s *Subscription) readPage(ctx context.Context) error {
	h, c := s.hub, s.consumer
	h.mu.Lock()
	from, newest, end := c.from, h.newest, h.end()
	to := earliest(from.Add(cmp.Or(c.window, firstWindow)), newest)
	if from.After(newest) {
		to = from
	}
	c.reach, c.back = to, time.Time{}
	h.mu.Unlock()

	var page []Entry
	var err error
	if to.After(from) {
		page, to, err = h.config.Read(ctx, from, to)
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err != nil:
		if c.open == s {
			c.leave()
		}
		return Unavailable(ctx, fmt.Errorf("read the log of %s to %s: %w", show(from), show(to), err))
	case c.open != s:
		return nil // closed in the meantime; the next poll says so
	}
	c.learn(to.Sub(from), len(page), h.config.CatchUpRecords)
	// The page is not the last one if the next record was evicted, or if the consumer was sent
	// back, while the page was read.
	last := !to.Before(newest) && end >= h.first && c.back.IsZero()
	h.take(c, page, end)
	switch {
	case last:
		c.attached, c.next, c.late = true, end, nil
	default:
		c.from = to
		if !c.back.IsZero() {
			c.from = earliest(to, c.back)
		}
		c.leave()
	}
	return nil
}

// leave leaves the records that came late to the next pages, as far as these will have them. A read
// may fail, and a page may end earlier than was expected when its read began. From late, such
// records would come before their predecessors, and then again.
func (c *consumer) leave() {
	c.reach = c.from
	c.late = slices.DeleteFunc(c.late, func(e numbered) bool { return e.at.After(c.from) })
}

// take makes the consumer's page from the rows of the log and from the records that came late. It
// leaves out records that are done. It also leaves out records that the hub had not released when
// it had released all below end: such a record is late or will be, or it comes from the tail after
// its predecessor.
//
// A record that the hub does not know is still to come when the safe reader has not reached it and
// when it is younger than everything that the hub has dropped. Otherwise it was there before this
// process started, or the hub has dropped it after both readers found it, which they do stream by
// stream. Nothing would deliver such a record again, so it stays in the page.
func (h *Hub) take(c *consumer, read []Entry, end uint64) {
	yetToCome := latest(h.safe, h.forgotten)
	have := map[key]bool{}
	for _, e := range read {
		was, known := h.known.get(e.key())
		switch {
		case have[e.key()], known && was.number == 0, !known && e.at.After(yetToCome), known && was.number < c.next,
			was.number >= end:
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

// arrange sorts by time, and within each aggregate by sequence number, because a later event may
// have been written first.
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
		slices.SortStableFunc(entries, func(a, b Entry) int {
			return cmp.Compare(a.record.SequenceNumber, b.record.SequenceNumber)
		})
		for i, place := range at {
			page[place] = entries[i]
		}
	}
}

// learn adapts the window of the next page to the last page.
func (c *consumer) learn(covered time.Duration, records, limit int) {
	if covered <= 0 {
		return
	}
	c.window = max(narrowest, covered)
	if records < limit/2 {
		c.window = min(widest, 2*c.window)
	}
}
