package hub

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"orderflow/adapters/cdc/cdclog"
	"orderflow/ports"
)

// Tail is the delivery to a caller without a name. It reads like a consumer that is in no list: no
// offset is saved for it, and no figure counts it.
//
// Its place has a time: every row up to it has been delivered, or was there before the tail. It is
// never after the safe reader's progress, because a row that the fast reader missed may come after
// that. So a tail that continues in another process gets the last part of the log again. In the
// same process it does not: the place also has the number up to which every entry of the tail of
// memory was delivered.
type Tail struct {
	sub *Subscription

	// All below is guarded by the hub's mutex. opened is the time from which on the tail is live.
	// boundary is the end of the feed when the fast reader got there, 0 before that.
	opened   time.Time
	boundary uint64
	live     bool
	place    time.Time
	number   uint64
	// earliest is set while nothing has been read from the earliest place on. What expires then is
	// not lost.
	earliest bool
	// blind is set after it was said that the log has lost rows that no reader has read.
	blind bool
	// pages are the places after the entries of the consumer's page. bound is where the safe reader
	// was when the page was read.
	pages []time.Time
	bound time.Time
}

// OpenTail returns a tail after a place. now is the time of the call.
//
// Errors: [ports.ErrClosed], [ports.ErrBadCursor].
func (h *Hub) OpenTail(after ports.Place, now time.Time) (*Tail, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ports.ErrClosed
	}
	c := &consumer{name: "a tail"}
	t := &Tail{sub: &Subscription{hub: h, consumer: c, closed: make(chan struct{})}, opened: now}
	switch after {
	case ports.PlaceNow:
		c.attached, c.next, t.place, t.number = true, h.end(), h.confirmed, h.end()-1
	case ports.PlaceEarliest:
		t.place, t.earliest = h.floor(), true
	default:
		at, number, err := h.placeOf(after)
		if err != nil || at.After(latest(now, h.newest)) || number >= h.end() {
			return nil, ports.ErrBadCursor
		}
		t.place, t.number, c.next = at, number, number+1
		c.attached = number > 0 && c.next >= h.first
	}
	c.from, c.reach, c.open = t.place, t.place, t.sub
	h.tails[c] = true
	return t, nil
}

// placeAt returns a place: a time as a number of ticks, and unless the number is 0 the id of the
// hub and the number.
func (h *Hub) placeAt(at time.Time, number uint64) ports.Place {
	place := strconv.FormatInt(at.UnixNano()/int64(cdclog.Tick), 10)
	if number > 0 {
		place += "-" + h.id + "-" + strconv.FormatUint(number, 10)
	}
	return ports.Place(place)
}

// placeOf returns what a place says. The number is 0 when it is of another hub.
func (h *Hub) placeOf(place ports.Place) (at time.Time, number uint64, err error) {
	parts := strings.Split(string(place), "-")
	ticks, err := strconv.ParseUint(parts[0], 10, 56)
	if err == nil && len(parts) == 3 {
		number, err = strconv.ParseUint(parts[2], 10, 63)
	}
	if err != nil {
		return at, 0, err
	}
	at = time.Unix(0, int64(ticks)*int64(cdclog.Tick)).UTC()
	want := &Hub{id: h.id}
	if len(parts) == 3 {
		want.id = parts[1]
	}
	switch {
	case want.placeAt(at, number) != place || len(want.id) != len(h.id):
		return at, 0, strconv.ErrSyntax
	case want.id != h.id:
		return at, 0, nil
	default:
		return at, number, nil
	}
}

// here returns the place of the tail.
func (t *Tail) here() ports.Place { return t.sub.hub.placeAt(t.place, t.number) }

// Next implements [ports.Tail].
func (t *Tail) Next(ctx context.Context) (ports.TailPage, error) {
	page, err := t.deliver(ctx)
	if err != nil {
		return ports.TailPage{}, fmt.Errorf("next of a tail: %w", err)
	}
	return page, nil
}

func (t *Tail) deliver(ctx context.Context) (ports.TailPage, error) {
	for {
		page, wait, err := t.poll(ctx)
		switch {
		case err != nil:
			return ports.TailPage{}, err
		case page != nil:
			return *page, nil
		case wait == nil:
			if err := t.readPage(ctx); err != nil {
				return ports.TailPage{}, err
			}
			continue
		}
		select {
		case <-wait:
		case <-t.sub.closed:
		case <-ctx.Done():
		}
	}
}

// poll returns the next page, or a channel to wait for. When it returns neither, a page of the log
// must be read.
func (t *Tail) poll(ctx context.Context) (page *ports.TailPage, wait <-chan struct{}, err error) {
	h, c := t.sub.hub, t.sub.consumer
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := t.sub.enter(ctx); err != nil {
		return nil, nil, err
	}
	page = &ports.TailPage{Lost: t.lost()}
	for bytes := 0; len(page.Records) < ports.MaxTailRecords && bytes < ports.MaxTailBytes; {
		e, ok := t.take()
		if !ok {
			break
		}
		bytes += len(e.record.Payload)
		page.Records = append(page.Records, ports.TailRecord{Record: e.record.Clone(), Place: t.here()})
	}
	atEnd := c.attached && len(c.page) == 0 && c.next == h.end()
	if atEnd {
		t.place = latest(t.place, h.confirmed)
	}
	if t.arrived() {
		t.live, page.Live = true, true
	}
	page.Place = t.here()
	switch {
	case page.Lost != nil, len(page.Records) > 0, page.Live:
		return page, nil, nil
	case atEnd:
		return nil, h.changed, nil
	default:
		return nil, nil, nil
	}
}

// take takes the next entry off memory, if there is one.
func (t *Tail) take() (Entry, bool) {
	h, c := t.sub.hub, t.sub.consumer
	switch {
	case len(c.page) > 0:
		e := c.page[0]
		c.page[0] = Entry{} // a delivered record must not be kept alive
		c.page = c.page[1:]
		t.place, t.pages = latest(t.place, t.pages[0]), t.pages[1:]
		if c.attached && len(c.page) == 0 { // now everything before the next entry was delivered
			t.number = c.next - 1
		}
		return e, true
	case c.attached && c.next < h.end():
		e := h.tail[c.next-h.first]
		t.number = c.next
		c.next++
		t.place = latest(t.place, e.confirmed)
		return e, true
	default:
		return Entry{}, false
	}
}

// arrived reports whether the tail has just become live: it has delivered everything that was in
// the log when it was opened.
func (t *Tail) arrived() bool {
	h, c := t.sub.hub, t.sub.consumer
	if t.live {
		return false
	}
	if t.boundary == 0 {
		first, held := h.firstHeld()
		if h.horizon.Before(t.opened) || held && !first.After(t.opened) {
			return false
		}
		t.boundary = h.end()
	}
	return c.attached && len(c.page) == 0 && c.next >= t.boundary
}

// lost returns what the log has lost before the next entry, if anything. The tail then continues
// after that.
func (t *Tail) lost() *ports.TailGap {
	h, c := t.sub.hub, t.sub.consumer
	floor := h.floor()
	unread := h.safe.Before(floor) // the readers have not worked for so long
	behind := len(c.page) == 0 && !c.attached && c.from.Before(floor)
	if behind && t.earliest {
		c.from, c.reach, t.place = floor, floor, floor
		return nil
	}
	if !unread {
		t.blind = false
	}
	if !behind && (!unread || t.blind) {
		return nil
	}
	t.blind = unread
	gap := &ports.TailGap{From: t.here(), Until: floor}
	if behind {
		c.from, c.reach = floor, floor
	}
	t.place = latest(t.place, floor)
	gap.To = t.here()
	return gap
}

// readPage reads a part of the log. See [Subscription.readPage].
func (t *Tail) readPage(ctx context.Context) error {
	h, c := t.sub.hub, t.sub.consumer
	h.mu.Lock()
	t.bound = h.confirmed
	h.mu.Unlock()
	if err := t.sub.readPage(ctx); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t.earliest = false
	place := t.bound // after the last entry
	if !c.attached {
		place = earliest(place, c.from)
	}
	t.pages = make([]time.Time, len(c.page))
	for i := len(c.page) - 1; i >= 0; i-- {
		t.pages[i] = place
		place = earliest(place, c.page[i].at.Add(-cdclog.Tick))
	}
	if len(c.page) == 0 {
		t.place = latest(t.place, place)
		if c.attached {
			t.number = c.next - 1
		}
	}
	return nil
}

// Close implements [ports.Tail].
func (t *Tail) Close() error {
	h, c := t.sub.hub, t.sub.consumer
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.open == t.sub {
		close(t.sub.closed)
		c.open = nil
		delete(h.tails, c)
	}
	return nil
}
