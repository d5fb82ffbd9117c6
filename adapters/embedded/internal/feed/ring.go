package feed

import (
	"sort"
	"sync"
	"time"

	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/eventsourcing"
)

// Entry is a record of the feed that is durable. Its position follows from its place.
type Entry struct {
	body layout.Body
	// record is what body says, if it was decoded already.
	record *eventsourcing.Record
}

// NewEntry returns the entry of a record.
func NewEntry(body layout.Body) Entry { return Entry{body: body} }

// lost says that the record was found nowhere.
func (e Entry) lost() bool { return e.body.Len() == 0 && e.record == nil }

func (e Entry) decode() (eventsourcing.Record, error) {
	if e.record != nil {
		return *e.record, nil
	}
	return e.body.Decode()
}

// entryOverhead is about what an entry costs beside its body.
const entryOverhead = 64

// ring holds the newest records in memory for all subscriptions, and heartbeats. A subscription
// that is further behind reads from the disk.
type ring struct {
	maxBytes int

	mu sync.Mutex // guards all below
	// entries[start:] are the records up to position end.
	entries []Entry
	start   int
	end     uint64
	bytes   int
	// beats are the heartbeats, in order. lastBeat is the number of the last one.
	beats    []heartbeat
	lastBeat uint64
	// changed is closed and replaced when something is added.
	changed chan struct{}
}

func newRing(maxBytes int) *ring {
	return &ring{maxBytes: maxBytes, changed: make(chan struct{})}
}

// reset empties the ring. The next record is the one after the position end.
func (r *ring) reset(end uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries, r.start, r.bytes, r.end = nil, 0, 0, end
}

// publish adds the next records, calls visible, which makes them visible to all readers, and wakes
// the subscriptions.
func (r *ring) publish(entries []Entry, visible func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, entries...)
	r.end += uint64(len(entries))
	for _, e := range entries {
		r.bytes += e.body.Len() + entryOverhead
	}
	for r.bytes > r.maxBytes {
		r.bytes -= r.entries[r.start].body.Len() + entryOverhead
		r.entries[r.start] = Entry{}
		r.start++
	}
	if r.start > len(r.entries)/2 {
		n := copy(r.entries, r.entries[r.start:])
		clear(r.entries[n:])
		r.entries, r.start = r.entries[:n], 0
	}
	visible()
	r.wake()
}

// wake wakes the subscriptions. The caller holds mu.
func (r *ring) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// read returns a copy of up to maxCount entries from a position on. It returns none when the ring
// does not reach back that far, or there is nothing yet.
func (r *ring) read(dst []Entry, from uint64, maxCount, maxBytes int) []Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := uint64(len(r.entries) - r.start)
	if from > r.end || from+held <= r.end {
		return dst
	}
	rest := r.entries[len(r.entries)-int(r.end-from)-1:]
	for i := 0; i < len(rest) && i < maxCount && (i == 0 || maxBytes > 0); i++ {
		dst = append(dst, rest[i])
		maxBytes -= rest[i].body.Len()
	}
	return dst
}

// wait returns a channel that is closed when something is added after the call.
func (r *ring) wait() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// mostBeats bounds the heartbeats in a ring. With one a second that is a quarter of an hour of
// traffic.
const mostBeats = 1024

// heartbeat is a heartbeat in the ring.
type heartbeat struct {
	// number counts from 1.
	number uint64
	at     time.Time
	// after is the position of the record before it.
	after uint64
}

// beat adds a heartbeat after the records so far. It replaces one at the same place.
func (r *ring) beat(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch n := len(r.beats); {
	case n > 0 && r.beats[n-1].after == r.end:
		r.beats = r.beats[:n-1]
	case n == mostBeats:
		r.beats = append(r.beats[:0], r.beats[1:]...)
	}
	r.lastBeat++
	r.beats = append(r.beats, heartbeat{number: r.lastBeat, at: at, after: r.end})
	r.wake()
}

// beaten returns the number of the last heartbeat.
func (r *ring) beaten() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lastBeat
}

// due returns the newest heartbeat for a subscription whose next record is next, and that got the
// heartbeats up to the number had. It returns nil when there is none.
func (r *ring) due(next, had uint64) *heartbeat {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := sort.Search(len(r.beats), func(i int) bool { return r.beats[i].after >= next })
	if n == 0 || r.beats[n-1].number <= had {
		return nil
	}
	b := r.beats[n-1]
	return &b
}
