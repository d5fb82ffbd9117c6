package hub

import "time"

// Stats are counters since the start, and how things stand.
type Stats struct {
	// Fast and Safe count the records that each reader found first; Late those of Safe that the fast reader had passed by.
	Fast, Safe, Late uint64
	// Duplicates were found again, mostly by the safe reader.
	Duplicates uint64
	// Ignored rows carry no record. Malformed ones should have.
	Ignored, Malformed uint64
	// Held records waited for a predecessor. Holes were let through when the patience ended.
	Held, Holes uint64

	// FastPasses and FastQueries count the fast reader's work, FastFailures its failed passes.
	FastPasses, FastQueries, FastFailures uint64
	// StreamBatches is the number of queries in a pass.
	StreamBatches int
	// IdleQueries is what the fast reader asks in a second while nothing happens, whatever the number of consumers.
	IdleQueries float64
	// Generations counts the new stream sets that the fast reader has followed.
	Generations uint64
	// SafeFailures counts the failed passes of the safe reader.
	SafeFailures uint64

	// Detached counts how often a consumer had to read the log by itself because it was behind the tail, CaughtUp the
	// records read so.
	Detached, CaughtUp uint64
	// SaveFailures counts offsets that could not be saved.
	SaveFailures uint64

	// FastHorizon and SafeHorizon are how far each reader got, zero before.
	FastHorizon, SafeHorizon time.Time
	// FastBeat and SafeBeat are how old the youngest heartbeat is that counts for each reader: one that it has found itself, when
	// it has read all streams up to there. Before the first one they count from the start of the feed. In health FastBeat is
	// less than the interval of heartbeats and a second; SafeBeat less than that interval and [Config.Stale], and mostly that and
	// the age from which that reader reads and two of its passes.
	FastBeat, SafeBeat time.Duration
	// Retention is how old an offset may get, 0 for ever.
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
