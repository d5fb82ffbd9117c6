package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/application/erasure"
)

// Erasures exports what an eraser knows about erasures of personal data. Several processes have the
// same ones open.
func Erasures(read func() erasure.Stats, now func() time.Time) prometheus.Collector {
	f := &figures[erasure.Stats]{prefix: "orderflow_erasures_", read: read}
	f.add(prometheus.CounterValue, "requested_total",
		"Erasures that were requested, or found open, since the start.", func(s erasure.Stats) float64 { return float64(s.Requested) })
	f.add(prometheus.CounterValue, "ended_total",
		"Erasures that this process has ended.", func(s erasure.Stats) float64 { return float64(s.Ended) })
	f.add(prometheus.GaugeValue, "open",
		"Erasures that have not ended.", func(s erasure.Stats) float64 { return float64(s.Open) })
	f.add(prometheus.GaugeValue, "oldest_seconds",
		"How long ago the oldest erasure that has not ended was requested, in seconds; 0 when there is none.",
		func(s erasure.Stats) float64 {
			if s.Oldest.IsZero() {
				return 0
			}
			return now().Sub(s.Oldest).Seconds()
		})
	return f
}
