package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"orderflow/adapters/cdc"
)

// Feed exports the figures of the CDC feed, which read returns. Figures of single consumers are in
// consumers.
func Feed(read func() cdc.Stats) prometheus.Collector {
	m := &figures[cdc.Stats]{prefix: "orderflow_cdc_", read: read}
	counter := func(name, help string, value func(cdc.Stats) uint64) {
		m.add(prometheus.CounterValue, name+"_total", help, func(s cdc.Stats) float64 { return float64(value(s)) })
	}
	counter("records_fast", "Records that the fast reader found first.", func(s cdc.Stats) uint64 { return s.Fast })
	counter("records_safe", "Records that the safe reader found first.", func(s cdc.Stats) uint64 { return s.Safe })
	counter("records_late", "Records that the safe reader found after the fast reader had missed them.",
		func(s cdc.Stats) uint64 { return s.Late })
	counter("records_duplicate", "Records that were found again.", func(s cdc.Stats) uint64 { return s.Duplicates })
	counter("rows_ignored", "Rows of the log that contain no record.", func(s cdc.Stats) uint64 { return s.Ignored })
	counter("rows_malformed", "Rows of the log that should contain a record and cannot be read.",
		func(s cdc.Stats) uint64 { return s.Malformed })
	counter("records_held", "Records that waited for a predecessor.", func(s cdc.Stats) uint64 { return s.Held })
	counter("holes", "Records that were delivered without their predecessor.", func(s cdc.Stats) uint64 { return s.Holes })
	counter("queries_fast", "Queries of the fast reader.", func(s cdc.Stats) uint64 { return s.FastQueries })
	counter("failures_fast", "Polls of the fast reader that failed.", func(s cdc.Stats) uint64 { return s.FastFailures })
	counter("generations", "New generations of streams that were followed.",
		func(s cdc.Stats) uint64 { return s.Generations })
	counter("failures_safe", "Passes of the safe reader that failed.", func(s cdc.Stats) uint64 { return s.SafeFailures })
	counter("detached", "Times that a consumer had to read the log by itself.",
		func(s cdc.Stats) uint64 { return s.Detached })
	counter("offset_failures", "Offsets that could not be saved.", func(s cdc.Stats) uint64 { return s.SaveFailures })
	m.add(prometheus.GaugeValue, "queries_idle", "Queries a second of the fast reader while nothing happens, whatever the number of consumers.",
		func(s cdc.Stats) float64 { return s.IdleQueries })
	m.add(prometheus.GaugeValue, "headroom_seconds", "Time until the consumer that is furthest behind loses its place in the log.",
		func(s cdc.Stats) float64 { return s.Headroom.Seconds() })
	m.add(prometheus.GaugeValue, "beat_age_fast_seconds", "Age of the youngest heartbeat that the fast reader has found, with all streams read up to it.",
		func(s cdc.Stats) float64 { return s.FastBeat.Seconds() })
	m.add(prometheus.GaugeValue, "beat_age_safe_seconds", "Age of the youngest heartbeat that the safe reader has found, with all streams read up to it.",
		func(s cdc.Stats) float64 { return s.SafeBeat.Seconds() })
	m.add(prometheus.GaugeValue, "horizon_safe_timestamp_seconds", "Unix time up to which the safe reader has read; 0 before it has.",
		func(s cdc.Stats) float64 { return unixSeconds(s.SafeHorizon) })
	return m
}
