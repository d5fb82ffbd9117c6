package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Finding is something about a keyspace that should be different.
type Finding struct{ Code, Severity string }

// Posture exports what is wrong with how a keyspace is set up. read returns the findings of the
// last look, and its time, which is zero before the first one.
func Posture(read func() ([]Finding, time.Time)) prometheus.Collector {
	return postureFigures{
		read: read,
		finding: prometheus.NewDesc("orderflow_scylla_finding",
			"1 for each thing about the keyspace that should be different.", []string{"code", "severity"}, nil),
		checked: prometheus.NewDesc("orderflow_scylla_posture_checked_timestamp_seconds",
			"Unix time of the last look at the keyspace; 0 before the first one.", nil, nil),
	}
}

type postureFigures struct {
	read             func() ([]Finding, time.Time)
	finding, checked *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (p postureFigures) Describe(descs chan<- *prometheus.Desc) {
	descs <- p.finding
	descs <- p.checked
}

// Collect implements prometheus.Collector.
func (p postureFigures) Collect(metrics chan<- prometheus.Metric) {
	findings, at := p.read()
	metrics <- prometheus.MustNewConstMetric(p.checked, prometheus.GaugeValue, unixSeconds(at))
	seen := map[string]bool{} // a data centre more is not a metric more
	for _, f := range findings {
		if !seen[f.Code] {
			seen[f.Code] = true
			metrics <- prometheus.MustNewConstMetric(p.finding, prometheus.GaugeValue, 1, f.Code, f.Severity)
		}
	}
}
