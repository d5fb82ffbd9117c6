package metrics

import (
	"log/slog"
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"orderflow/application/pulse"
)

// Build is what is running.
type Build struct {
	// Version is the release, and Revision the commit, which is empty when the build does not know
	// it.
	Version, Revision string
	// Store is the kind of the store.
	Store string
}

// NewRegistry returns a registry with the metrics of the process.
func NewRegistry(build Build) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	running := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "orderflow_build_info", Help: "1, with the version that runs and the kind of its store.",
		ConstLabels: prometheus.Labels{
			"version": build.Version, "revision": build.Revision, "goversion": runtime.Version(), "store": build.Store,
		},
	})
	running.Set(1)
	registry.MustRegister(running,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

// Handler serves the metrics of a registry. A metric that cannot be collected is left out, logged,
// and counted in promhttp_metric_handler_errors_total. In an outage the other figures are needed
// most.
func Handler(registry *prometheus.Registry, log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		Registry: registry,
	})
}

// Gauge exports one figure, which read returns.
func Gauge(name, help string, read func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read)
}

// Beats exports how many heartbeats were sent.
func Beats(beats *pulse.Pacemaker) prometheus.Collector {
	type counts struct{ sent, failed uint64 }
	m := &figures[counts]{prefix: "orderflow_heartbeats_", read: func() (c counts) {
		c.sent, c.failed = beats.Counts()
		return c
	}}
	m.add(prometheus.CounterValue, "sent_total", "Heartbeats that the store has accepted.",
		func(c counts) float64 { return float64(c.sent) })
	m.add(prometheus.CounterValue, "failed_total", "Heartbeats that the store has not accepted.",
		func(c counts) float64 { return float64(c.failed) })
	return m
}
