package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// figures exports what something knows about itself. That is read once for each scrape, so the
// figures of a scrape are of one moment.
type figures[S any] struct {
	// prefix begins the name of every metric.
	prefix string
	read   func() S
	of     []figure[S]
}

type figure[S any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(S) float64
}

// add adds a figure.
func (m *figures[S]) add(kind prometheus.ValueType, name, help string, value func(S) float64) {
	m.of = append(m.of, figure[S]{prometheus.NewDesc(m.prefix+name, help, nil, nil), kind, value})
}

// Describe implements prometheus.Collector.
func (m *figures[S]) Describe(descs chan<- *prometheus.Desc) {
	for _, f := range m.of {
		descs <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (m *figures[S]) Collect(metrics chan<- prometheus.Metric) { m.collect(m.read(), metrics) }

// collect is Collect for what has been read.
func (m *figures[S]) collect(stats S, metrics chan<- prometheus.Metric) {
	for _, f := range m.of {
		metrics <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(stats))
	}
}

// unixSeconds returns a moment as a metric has it. The zero time is 0.
func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
