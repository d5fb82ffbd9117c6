package hub

import "time"

// Stats holds counters since the start, and the current state.
type Stats struct {
	// Fast and Safe count the records that each reader found first. Late counts those of Safe that
	// the fast reader had missed.
	Fast, Safe, Late uint64
	// Duplicates counts records that were found again, mostly by the safe reader.
	Duplicates uint64
	// Ignored counts rows that contain no record. Malformed counts rows that should contain one.
	Ignored, Malformed uint64
	// Held counts records that waited for a predecessor. Holes counts those that were released
	// without it.
	Held, Holes uint64

	// FastPasses, FastQueries and FastFailures count the passes of the fast reader, its queries,
	// and its failed passes.
	FastPasses, FastQueries, FastFailures uint64
	// StreamBatches is the number of queries in a pass.
	StreamBatches int
	// IdleQueries is the number of queries a second of the fast reader while nothing happens. It
	// does not depend on the number of consumers.
	IdleQueries float64
	// Generations counts the new stream sets that the fast reader has followed.
	Generations uint64
	// SafeFailures counts the failed passes of the safe reader.
	SafeFailures uint64

	// Detached counts how often a consumer had to read the log separately because it was behind the
	// tail. CaughtUp counts the records that were read so.
	Detached, CaughtUp uint64
	// SaveFailures counts offsets that could not be saved.
	SaveFailures uint64

	// FastHorizon and SafeHorizon are how far each reader has read. They are zero before the first
	// pass.
	FastHorizon, SafeHorizon time.Time
	// FastBeat and SafeBeat are the age of the youngest heartbeat that counts for each reader: one
	// that it has found, with all streams read up to there. Before the first one they count from
	// the start of the feed. In a healthy system FastBeat is less than the interval of heartbeats
	// plus a second. SafeBeat is less than that interval plus [Config.Stale], and usually about
	// that interval plus the age at which that reader reads and two of its passes.
	FastBeat, SafeBeat time.Duration
	// Retention is the highest age of an offset. 0 means for ever.
	Retention time.Duration
	// Headroom is the time until the consumer that is furthest behind loses its place in the log.
	Headroom time.Duration
	// Tail is the number of records in memory.
	Tail int
}

// Stats returns a snapshot, without IdleQueries.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.stats
	s.FastHorizon, s.SafeHorizon, s.Tail = h.horizon, h.safe, len(h.tail)
	oldest := h.safe
	for _, c := range h.consumers {
		oldest = earliest(oldest, h.offset(c))
	}
	now := h.config.Now()
	s.FastBeat, s.SafeBeat = max(0, now.Sub(h.pulse.newest[Fast])), max(0, now.Sub(h.pulse.newest[Safe]))
	s.Retention, s.Headroom = h.kept, max(0, oldest.Sub(h.floor()))
	return s
}

// Count changes the counters.
func (h *Hub) Count(change func(*Stats)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&h.stats)
}
