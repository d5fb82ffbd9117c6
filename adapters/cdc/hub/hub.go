package hub

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/cdc/cdclog"
	"orderflow/domain/eventsourcing"
)

// mostHeld is how many records may wait for a predecessor at the same time. Further ones are
// released with a gap. They may take as many bytes as the tail.
const mostHeld = 8192

// Source is the reader that found a record.
type Source int

// The readers of the log.
const (
	Fast Source = iota
	Safe
)

// Entry is a record with the time of its change, which is its place in the log. In the tail it has
// the time up to which everything was in the tail before it.
type Entry struct {
	record        eventsourcing.Record
	at, confirmed time.Time
}

// key names a record.
type key struct {
	aggregateID uuid.UUID
	sequence    uint64
}

func (e Entry) key() key { return key{e.record.AggregateID, e.record.SequenceNumber} }

// NewEntry returns the entry of a record.
func NewEntry(record eventsourcing.Record, at time.Time) Entry { return Entry{record: record, at: at} }

// Size returns the approximate memory of an entry.
func (e Entry) Size() int { return len(e.record.Payload) + 512 }

// Hub combines both readers. It drops duplicates, sorts records that came too early, and keeps the
// end of the feed, the tail, for all consumers. mu guards all of it, and nothing here waits.
type Hub struct {
	config Config
	// id distinguishes the numbers of entries from those of other hubs.
	id string

	mu     sync.Mutex
	closed bool
	// changed is closed and replaced when there may be something new for a goroutine that waits.
	changed chan struct{}

	// Entries are numbered from 1 in the order in which they are released. tail[0] has the number
	// first.
	tail      []Entry
	first     uint64
	tailBytes int
	// newest is the greatest time of any entry that was ever in the tail. At first it is where the
	// readers start.
	newest time.Time

	// known holds each record that came. What it has dropped is not younger than forgotten.
	known     *bounded[key, came]
	forgotten time.Time
	// last holds the highest sequence number that was released.
	last *bounded[uuid.UUID, uint64]
	// held holds the records that wait for a predecessor, in order.
	held                 map[uuid.UUID]*waiting
	heldCount, heldBytes int
	// holding wakes the loop that ends the waiting.
	holding chan struct{}

	// horizon is the time up to which the fast reader has read every stream that it knows. covered
	// is the time up to which it has read everything. safe is that of the safe reader. At first
	// they are where the readers start. begun says that the safe reader has read something.
	horizon, covered, safe time.Time
	begun                  bool

	// confirmed is the time up to which everything that is in the log is in the tail, or was.
	confirmed time.Time

	consumers map[string]*consumer
	// tails holds the places of those that read without a name.
	tails map[*consumer]bool
	// settling is the number of those that wait for the readers.
	settling int
	// asked holds the names of requested consumers that are not in consumers.
	asked map[string]bool
	// kept is how long the log keeps a row, and 0 means for ever. dropped is the time before which
	// rows are certainly gone.
	kept    time.Duration
	dropped time.Time
	// logKeeps is the value of kept in the table's options.
	logKeeps time.Duration

	pulse pulse
	stats Stats

	// reporting protects reported, the malformed rows that were reported last.
	reporting sync.Mutex
	reported  *bounded[badRow, struct{}]
}

// badRow names a malformed row.
type badRow struct {
	aggregateID    uuid.UUID
	sequenceNumber uint64
	at             time.Time
}

// mostReported bounds how many malformed rows are remembered.
const mostReported = 1000

// came is what is kept of a record that came: its number, or 0 while it is held, and its time.
type came struct {
	number uint64
	at     time.Time
}

// waiting holds the held entries of one aggregate, in order, with the times at which their patience
// ends.
type waiting struct {
	entries []Entry
	until   []time.Time
}

// New returns a hub whose readers start at a time, when it is now.
func New(c Config, start, now time.Time) *Hub {
	h := &Hub{
		id:     uuid.NewString()[:8],
		config: c, changed: make(chan struct{}), first: 1, newest: start, horizon: start, covered: start, safe: start,
		confirmed: start, tails: map[*consumer]bool{},
		known: newBounded[key, came](c.Remembered), last: newBounded[uuid.UUID, uint64](c.Remembered),
		held: map[uuid.UUID]*waiting{}, holding: make(chan struct{}, 1),
		consumers: map[string]*consumer{}, asked: map[string]bool{}, reported: newBounded[badRow, struct{}](mostReported),
	}
	h.pulse.newest = [2]time.Time{now, now}
	return h
}

// Accept accepts what a reader found in a row. It reports whether it was more than a heartbeat.
func (h *Hub) Accept(row *cdclog.Row, from Source) bool {
	if at, ok := row.Heartbeat(); ok {
		h.hear(heartbeat{at: at, place: row.At()}, from)
		return false
	}
	record, found, err := row.Record()
	if err != nil {
		h.Report(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case found:
		h.add(NewEntry(record, row.At()), from)
	case err == nil:
		h.stats.Ignored++
	}
	return true
}

// Report reports a row that should be a record and is not. Both readers find it, and so may a
// consumer that reads the log by itself: it is reported once, unless that was long ago.
func (h *Hub) Report(err error) {
	h.reporting.Lock()
	defer h.reporting.Unlock()
	var malformed *cdclog.MalformedRowError
	if errors.As(err, &malformed) {
		place := badRow{malformed.AggregateID, malformed.SequenceNumber, malformed.At}
		if _, known := h.reported.get(place); known {
			return
		}
		h.config.OnMalformed(malformed)
		h.reported.put(place, struct{}{})
	}
	h.config.Logger.Error("a row of the log is no record; its consumers find it missing and read the event store",
		"error", err)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stats.Malformed++
}

func (h *Hub) add(e Entry, from Source) {
	if _, ok := h.known.get(e.key()); ok {
		h.stats.Duplicates++
		return
	}
	switch {
	case from == Fast:
		h.stats.Fast++
	case e.at.After(h.horizon): // the fast reader is behind
		h.stats.Safe++
	default:
		h.stats.Late++
	}
	h.know(e, 0)
	id := e.record.AggregateID
	last, _ := h.last.get(id)
	if e.record.SequenceNumber > last+1 && h.heldCount < mostHeld && h.heldBytes < h.config.TailBytes {
		h.hold(e)
		return
	}
	h.release(e)
	if w := h.held[id]; w != nil {
		h.releaseHeld(id, w, false)
	}
}

// know records that a record came. The oldest one may be dropped for it.
func (h *Hub) know(e Entry, number uint64) {
	if old, full := h.known.put(e.key(), came{number, e.at}); full && old.at.After(h.forgotten) {
		h.forgotten = old.at
	}
}

func (h *Hub) hold(e Entry) {
	id := e.record.AggregateID
	w := h.held[id]
	if w == nil {
		w = &waiting{}
		h.held[id] = w
	}
	at, _ := slices.BinarySearchFunc(w.entries, e.record.SequenceNumber, func(e Entry, n uint64) int {
		return cmp.Compare(e.record.SequenceNumber, n)
	})
	w.entries = slices.Insert(w.entries, at, e)
	w.until = slices.Insert(w.until, at, time.Now().Add(h.config.Patience))
	h.heldCount++
	h.heldBytes += e.Size()
	h.stats.Held++
	select {
	case h.holding <- struct{}{}:
	default:
	}
}

// releaseHeld releases the held records that follow the released ones, or all of them.
func (h *Hub) releaseHeld(id uuid.UUID, w *waiting, all bool) {
	for len(w.entries) > 0 {
		e := w.entries[0]
		if last, _ := h.last.get(id); e.record.SequenceNumber > last+1 {
			if !all {
				return
			}
			h.stats.Holes++
		}
		w.entries, w.until = w.entries[1:], w.until[1:]
		h.heldCount--
		h.heldBytes -= e.Size()
		h.release(e)
	}
	delete(h.held, id)
}

// release puts an entry into the tail.
func (h *Hub) release(e Entry) {
	number := h.first + uint64(len(h.tail))
	h.know(e, number)
	if last, _ := h.last.get(e.record.AggregateID); e.record.SequenceNumber > last {
		h.last.put(e.record.AggregateID, e.record.SequenceNumber)
	}
	if e.at.After(h.newest) {
		h.newest = e.at
	}
	h.everyone(func(c *consumer) { c.noteLate(e, number, h.config.CatchUpRecords) })
	e.confirmed = h.confirmed
	h.tail = append(h.tail, e)
	h.tailBytes += e.Size()
	for len(h.tail) > 1 && (len(h.tail) > h.config.TailRecords || h.tailBytes > h.config.TailBytes) {
		h.evict()
	}
	h.wake()
}

// everyone calls f for all that read the tail.
func (h *Hub) everyone(f func(*consumer)) {
	for _, c := range h.consumers {
		f(c)
	}
	for c := range h.tails {
		f(c)
	}
}

// evict drops the oldest entry of the tail.
func (h *Hub) evict() {
	h.everyone(func(c *consumer) {
		if c.attached && c.next <= h.first {
			h.detach(c)
		}
	})
	h.tailBytes -= h.tail[0].Size()
	h.tail[0] = Entry{} // for the garbage collector
	h.tail = h.tail[1:]
	h.first++
}

func (h *Hub) end() uint64 { return h.first + uint64(len(h.tail)) }

// from returns the tail from a number on. That number must not have been evicted.
func (h *Hub) from(number uint64) []Entry { return h.tail[number-h.first:] }

// wake wakes all goroutines that wait.
func (h *Hub) wake() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// Run lets records go whose patience is over, until ctx ends.
func (h *Hub) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.holding:
		}
		for next := h.releaseDue(time.Now()); !next.IsZero(); next = h.releaseDue(time.Now()) {
			timer := time.NewTimer(time.Until(next))
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
			}
		}
	}
}

// releaseDue releases what has waited long enough. It returns when the next one is due, or zero.
func (h *Hub) releaseDue(now time.Time) (next time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, w := range h.held {
		until := slices.MinFunc(w.until, time.Time.Compare)
		if !until.After(now) {
			h.releaseHeld(id, w, true)
		} else if next.IsZero() || until.Before(next) {
			next = until
		}
	}
	return next
}

// FastPassed records that the fast reader has read the streams that it knows up to horizon, and
// everything up to covered.
func (h *Hub) FastPassed(horizon, covered time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.horizon, h.covered = horizon, covered
	h.passBeats()
	h.wake()
}

// SafePassed records that the safe reader has read everything up to horizon.
func (h *Hub) SafePassed(horizon time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if horizon.After(h.safe) {
		h.safe, h.begun = horizon, true
		h.confirmed = latest(h.confirmed, h.allBefore(horizon))
	}
	if h.passBeats() {
		h.wake()
	}
}

// allBefore returns the latest time up to limit before which no record is held.
func (h *Hub) allBefore(limit time.Time) time.Time {
	if first, held := h.firstHeld(); held {
		return earliest(limit, first.Add(-cdclog.Tick))
	}
	return limit
}

// Confirmed returns the time up to which the safe reader has read everything.
func (h *Hub) Confirmed() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.safe
}

// Settle waits, for a bounded time, until everything that was in the log at a time is in the tail.
// Until then the hub is in use; wake is called when it is.
func (h *Hub) Settle(ctx context.Context, at time.Time, patience time.Duration, wake func()) error {
	h.mu.Lock()
	h.settling++
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.settling--
	}()
	wake()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		h.mu.Lock()
		settled, closed, changed := !h.horizon.Before(at) && h.heldCount == 0, h.closed, h.changed
		h.mu.Unlock()
		if settled || closed {
			return nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
