package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"orderflow/application/command"
)

// States exports what the cache of states knows about itself, and how many events commands had to
// fold.
func States(cache *command.Cache) prometheus.Collector {
	c := &states{
		figures: figures[command.CacheStats]{prefix: "orderflow_state_cache_", read: cache.Stats},
		folded: prometheus.NewDesc("orderflow_command_events_folded",
			"Events that a command had to read and fold before it was decided.", nil, nil),
	}
	c.add(prometheus.CounterValue, "hits_total", "Commands whose order was in the cache of states.",
		func(s command.CacheStats) float64 { return float64(s.Hits) })
	c.add(prometheus.CounterValue, "misses_total", "Commands whose order was not in the cache of states.",
		func(s command.CacheStats) float64 { return float64(s.Misses) })
	c.add(prometheus.CounterValue, "evictions_total", "States that had to make room or were too large.",
		func(s command.CacheStats) float64 { return float64(s.Evictions) })
	c.add(prometheus.GaugeValue, "states", "States in the cache.",
		func(s command.CacheStats) float64 { return float64(s.States) })
	c.add(prometheus.GaugeValue, "bytes", "Memory that the states in the cache take, about.",
		func(s command.CacheStats) float64 { return float64(s.Bytes) })
	return c
}

type states struct {
	figures[command.CacheStats]
	folded *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (s *states) Describe(descs chan<- *prometheus.Desc) {
	s.figures.Describe(descs)
	descs <- s.folded
}

// Collect implements prometheus.Collector.
func (s *states) Collect(metrics chan<- prometheus.Metric) {
	stats := s.read()
	s.collect(stats, metrics)
	f := stats.Folded
	metrics <- prometheus.MustNewConstHistogram(s.folded, f.Commands, float64(f.Events), f.AtMost)
}
