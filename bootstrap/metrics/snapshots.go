package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"orderflow/application/snapshot"
)

// Snapshots exports what the keeper of snapshots knows about itself.
func Snapshots(keeper *snapshot.Keeper) prometheus.Collector {
	s := &snapshots{
		figures: figures[snapshot.Stats]{prefix: "orderflow_snapshots_", read: keeper.Stats},
		discarded: prometheus.NewDesc("orderflow_snapshots_discarded_total",
			"Snapshots that were not used, because they do not fit. The events were used instead.", []string{"reason"}, nil),
	}
	counter := func(name, help string, value func(snapshot.Stats) uint64) {
		s.add(prometheus.CounterValue, name, help, func(stats snapshot.Stats) float64 { return float64(value(stats)) })
	}
	counter("written_total", "Snapshots that were written.", func(s snapshot.Stats) uint64 { return s.Written })
	counter("skipped_total", "Snapshots that were not written, because too many waited.",
		func(s snapshot.Stats) uint64 { return s.Skipped })
	counter("failed_total", "Snapshots that could not be written. Nothing depends on them.",
		func(s snapshot.Stats) uint64 { return s.Failed })
	return s
}

type snapshots struct {
	figures[snapshot.Stats]
	discarded *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (s *snapshots) Describe(descs chan<- *prometheus.Desc) {
	s.figures.Describe(descs)
	descs <- s.discarded
}

// Collect implements prometheus.Collector.
func (s *snapshots) Collect(metrics chan<- prometheus.Metric) {
	stats := s.read()
	s.collect(stats, metrics)
	for reason, count := range stats.Discarded {
		metrics <- prometheus.MustNewConstMetric(s.discarded, prometheus.CounterValue, float64(count), reason)
	}
}
