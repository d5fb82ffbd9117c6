package cdc

import (
	"time"

	"orderflow/adapters/cdc/cdclog"
	"orderflow/adapters/cdc/hub"
)

// fastReader returns the reader of the young end of the log.
func (f *Feed) fastReader(start time.Time) *cdclog.Reader {
	return cdclog.NewReader(cdclog.ReaderConfig{
		Log: f.log, Sink: fastSink{f}, Name: "fast", Start: start, From: f.hub.Confirmed, Age: f.config.FastDelay,
		Pause: f.config.FastDelay, IdlePause: f.config.FastIdleDelay,
		Unused: f.hub.Unused, UnusedPause: max(f.config.UnusedDelay, f.config.FastIdleDelay), LookEvery: f.config.GenerationDelay,
		Leeway: cdclog.Leeway,
		Woken:  f.woken, Now: f.config.Now, Logger: f.config.Logger,
	})
}

// safeReader returns the reader of the part of the log that does not change any more. It checks for
// new stream sets in every pass. A set that became known later would be read from its start, but
// offsets may have passed that.
func (f *Feed) safeReader(start time.Time) *cdclog.Reader {
	return cdclog.NewReader(cdclog.ReaderConfig{
		Log: f.log, Sink: safeSink{f}, Name: "safe", Start: start, Age: f.config.Confidence,
		Leeway: cdclog.LongLeeway,
		Pause:  f.config.SafeDelay, IdlePause: f.config.SafeDelay, Now: f.config.Now, Ask: true, Logger: f.config.Logger,
	})
}

// fastSink accepts what the fast reader finds.
type fastSink struct{ *Feed }

// Row implements [cdclog.Sink].
func (s fastSink) Row(row *cdclog.Row) bool { return s.hub.Accept(row, hub.Fast) }

// Passed implements [cdclog.Sink].
func (s fastSink) Passed(p cdclog.Pass) {
	s.hub.FastPassed(p.Horizon, p.Covered)
	s.hub.Count(func(t *Stats) {
		t.FastPasses++
		t.FastQueries += uint64(p.Queries)
		t.Generations += uint64(p.NewSets)
		if p.Batches > 0 {
			t.StreamBatches = p.Batches
		}
		if p.Err != nil {
			t.FastFailures++
		}
	})
}

// safeSink accepts what the safe reader finds. Only its progress moves offsets.
type safeSink struct{ *Feed }

// Row implements [cdclog.Sink].
func (s safeSink) Row(row *cdclog.Row) bool { return s.hub.Accept(row, hub.Safe) }

// Passed implements [cdclog.Sink].
func (s safeSink) Passed(p cdclog.Pass) {
	s.hub.SafePassed(p.Covered)
	if p.Err != nil {
		s.hub.Count(func(t *Stats) { t.SafeFailures++ })
	}
}
