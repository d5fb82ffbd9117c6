package embedded

import (
	"sync"

	"orderflow/domain/eventsourcing"
)

// entry is a committed record, encoded. The position is known from where it is.
type entry struct {
	// format is that of body.
	format byte
	body   []byte
	// at is the commit time in milliseconds since 1970.
	at int64
	// record is what body says, where it was decoded already.
	record *eventsourcing.Record
}

// lost tells whether the record was found nowhere, see salvage.
func (e entry) lost() bool { return e.body == nil && e.record == nil }

func (e entry) decode() (eventsourcing.Record, error) {
	if e.record != nil {
		return *e.record, nil
	}
	return decodeBody(e.format, e.body)
}

// entryOverhead is about what an entry costs beside its body.
const entryOverhead = 64

// ring holds the newest committed records in memory, and heartbeats, for all subscriptions together. A subscription that is further behind
// reads from disk.
type ring struct {
	maxBytes int

	mu sync.Mutex // guards all below
	// entries[start:] are the records up to position end.
	entries []entry
	start   int
	end     uint64
	bytes   int
	// beats are heartbeats, in order, and lastBeat is the number of the last there was.
	beats    []heartbeat
	lastBeat uint64
	// changed is closed, and replaced, when something is added.
	changed chan struct{}
}

func newRing(maxBytes int) *ring {
	return &ring{maxBytes: maxBytes, changed: make(chan struct{})}
}

// reset empties the ring; the next record will be the one behind end.
func (r *ring) reset(end uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries, r.start, r.bytes, r.end = nil, 0, 0, end
}

// publish adds the next records, calls visible, which makes them so for all readers, and wakes the subscriptions.
func (r *ring) publish(entries []entry, visible func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, entries...)
	r.end += uint64(len(entries))
	for _, e := range entries {
		r.bytes += len(e.body) + entryOverhead
	}
	for r.bytes > r.maxBytes {
		r.bytes -= len(r.entries[r.start].body) + entryOverhead
		r.entries[r.start] = entry{}
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

// read returns a copy of up to maxCount entries from a position on; none when the ring does not reach back that far, or there
// is nothing yet.
func (r *ring) read(dst []entry, from uint64, maxCount, maxBytes int) []entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := uint64(len(r.entries) - r.start)
	if from > r.end || from+held <= r.end {
		return dst
	}
	rest := r.entries[len(r.entries)-int(r.end-from)-1:]
	for i := 0; i < len(rest) && i < maxCount && (i == 0 || maxBytes > 0); i++ {
		dst = append(dst, rest[i])
		maxBytes -= len(rest[i].body)
	}
	return dst
}

// wait returns a channel that is closed when something is added after the call.
func (r *ring) wait() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}
