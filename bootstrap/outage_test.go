package bootstrap_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/bootstrap"
	"orderflow/ports"
)

// outage is a change feed that cannot determine the lag of some consumers.
type outage struct {
	ports.ChangeFeed
	hangs, fails string
}

// Lag implements [ports.ChangeFeed].
func (o outage) Lag(ctx context.Context, consumer string) (ports.Lag, error) {
	switch consumer {
	case o.hangs:
		<-ctx.Done()
		return ports.Lag{}, ctx.Err()
	case o.fails:
		return ports.Lag{}, fmt.Errorf("count what is behind: %w", ports.ErrUnavailable)
	default:
		return o.ChangeFeed.Lag(ctx, consumer)
	}
}

// In an outage the figures are needed most. A figure of one consumer that cannot be determined
// hides no other figure, and a port that does not answer is not waited for.
func TestOutage_figuresStandAlone(t *testing.T) {
	t.Parallel()
	const hangs, fails = "orders-by-status", "orders-by-sku"
	app, _ := runAround(t, func(s *bootstrap.Storage) { s.ChangeFeed = outage{s.ChangeFeed, hangs, fails} })
	place(t, app)
	await(t, "readiness", func() error { return ready(t, app) })
	await(t, "event with every consumer", func() error { return handled(t, app, 1) })

	status, body := get(t, app.URL()+"/metrics")
	if status != http.StatusOK {
		t.Errorf("/metrics: status %d", status)
	}
	for _, consumer := range allConsumers {
		known := !slices.Contains([]string{hangs, fails}, consumer)
		for want, there := range map[string]bool{
			`orderflow_consumer_lag_known{consumer="%s"} 1`:            known,
			`orderflow_consumer_lag_known{consumer="%s"} 0`:            !known,
			`orderflow_consumer_lag_events{consumer="%s"} 0`:           known,
			`orderflow_consumer_state{consumer="%s",state="running"}`:  true,
			`orderflow_consumer_events_handled_total{consumer="%s"} 1`: true,
		} {
			if strings.Contains(body, fmt.Sprintf(want, consumer)) != there {
				t.Errorf("/metrics has %s: %t, want %t", fmt.Sprintf(want, consumer), !there, there)
			}
		}
	}
	for _, c := range consumers(t, app) {
		if unknown := c.Name == hangs || c.Name == fails; c.Lag.Known == unknown || (c.Lag.Error != "") != unknown {
			t.Errorf("/v1/consumers: %+v", c)
		}
	}
}

// broken is a collector that fails, as the collector of a store may.
type broken struct{ desc *prometheus.Desc }

func (b broken) Describe(descs chan<- *prometheus.Desc) { descs <- b.desc }

func (b broken) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.NewInvalidMetric(b.desc, ports.ErrUnavailable)
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
			bootstrap.Metrics(statuses, extra).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), `orderflow_consumer_events_handled_total{consumer="a"} 7`) {
				t.Errorf("status %d: %.300s", answer.Code, answer.Body)
			}
			if !strings.Contains(answer.Body.String(), `promhttp_metric_handler_errors_total{cause="gathering"} `) {
				t.Error("nothing tells that something is missing")
			}
		})
	}
}
