package metrics_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/bootstrap/metrics"
	"orderflow/ports"
)

// broken is a collector that fails, as the collector of a store may.
type broken struct{ desc *prometheus.Desc }

func (b broken) Describe(descs chan<- *prometheus.Desc) { descs <- b.desc }

func (b broken) Collect(found chan<- prometheus.Metric) {
	found <- prometheus.NewInvalidMetric(b.desc, ports.ErrUnavailable)
}

type monitor []ports.ConsumerStatus

func (m monitor) Consumers(context.Context) []ports.ConsumerStatus { return m }

func TestMetrics_oneThatFailsHidesNoOther(t *testing.T) {
	t.Parallel()
	collectors := map[string]prometheus.Collector{
		"a collector that fails":                  broken{prometheus.NewDesc("broken", "Fails.", nil, nil)},
		"a consumer whose name cannot be a label": nil,
	}
	for name, extra := range collectors {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			statuses := monitor{{Name: "a", State: ports.ConsumerRunning, Handled: 7}}
			if extra == nil {
				statuses = append(statuses, ports.ConsumerStatus{Name: "\xff", State: ports.ConsumerRunning})
			}
			answer := httptest.NewRecorder()
			registry := metrics.NewRegistry(metrics.Build{})
			registry.MustRegister(metrics.Consumers(statuses))
			if extra != nil {
				registry.MustRegister(extra)
			}
			metrics.Handler(registry, slog.New(slog.DiscardHandler)).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), `orderflow_consumer_events_handled_total{consumer="a"} 7`) {
				t.Errorf("status %d: %.300s", answer.Code, answer.Body)
			}
			if !strings.Contains(answer.Body.String(), `promhttp_metric_handler_errors_total{cause="gathering"} `) {
				t.Error("nothing tells that something is missing")
			}
		})
	}
}

func TestPosture_oneFigureForEachFinding(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.Posture(func() ([]metrics.Finding, time.Time) {
		return []metrics.Finding{
			{Code: "replication-low", Severity: "warning"},
			{Code: "replication-low", Severity: "warning"},
			{Code: "cdc-off", Severity: "fatal"},
		}, time.Unix(5, 0)
	}))
	answer := httptest.NewRecorder()
	metrics.Handler(registry, slog.New(slog.DiscardHandler)).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`orderflow_scylla_finding{code="replication-low",severity="warning"} 1`,
		`orderflow_scylla_finding{code="cdc-off",severity="fatal"} 1`,
		`orderflow_scylla_posture_checked_timestamp_seconds 5`,
	} {
		if !strings.Contains(answer.Body.String(), want) {
			t.Errorf("no %s in:\n%s", want, answer.Body)
		}
	}
}
