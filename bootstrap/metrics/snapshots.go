package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"orderflow/application/snapshot"
)

// Snapshots exports what the keeper of snapshots knows about itself.
func Snapshots(keeper *snapshot.Keeper) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("orderflow_snapshots_"+name, help, labels, nil)
	}
	return snapshots{
		keeper:  keeper,
		written: desc("written_total", "Snapshots that were written."),
		skipped: desc("skipped_total", "Snapshots that were not written, because too many waited."),
		failed:  desc("failed_total", "Snapshots that could not be written. Nothing depends on them."),
		discarded: desc("discarded_total", "Snapshots that were not used, because they do not fit. The events were used instead.",
			"reason"),
	}
}

type snapshots struct {
	keeper                              *snapshot.Keeper
	written, skipped, failed, discarded *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (s snapshots) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{s.written, s.skipped, s.failed, s.discarded} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector.
func (s snapshots) Collect(metrics chan<- prometheus.Metric) {
	counter := func(desc *prometheus.Desc, value uint64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labels...)
	}
	stats := s.keeper.Stats()
	counter(s.written, stats.Written)
	counter(s.skipped, stats.Skipped)
	counter(s.failed, stats.Failed)
	for reason, count := range stats.Discarded {
		counter(s.discarded, count, reason)
	}
}
