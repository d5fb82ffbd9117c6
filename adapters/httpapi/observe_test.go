package httpapi_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"orderflow/domain/projection"
)

// labels returns the labels of every series of request durations, with how often each was observed.
func labels(t *testing.T, registry *prometheus.Registry) map[string]uint64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]uint64{}
	for _, family := range families {
		if family.GetName() != "orderflow_http_request_duration_seconds" {
			t.Errorf("metric %s", family.GetName())
		}
		for _, metric := range family.GetMetric() {
			var values []string
			// in the order of their names: method, route, status
			for _, label := range metric.GetLabel() {
				values = append(values, label.GetValue())
			}
			counts[strings.Join(values, " ")] = metric.GetHistogram().GetSampleCount()
		}
	}
	return counts
}

func TestMetrics_countRequestsByRoute(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	shop := newShop()
	shop.events = func(context.Context, uuid.UUID) ([]projection.Event, error) { panic("boom") }
	config := shop.config()
	config.Registerer = registry
	handler := handlerOf(t, config)
	do(t, handler, post("/v1/orders", creation))
	do(t, handler, post("/v1/orders", "{"))
	do(t, handler, get("/v1/orders/"+orderID))
	do(t, handler, get("/v1/orders/"+uuid.NewString()))
	do(t, handler, get("/v1/orders/"+orderID+"/events"))
	do(t, handler, get("/"))
	do(t, handler, get("/made/up/1"))
	do(t, handler, get("/made/up/2"))
	do(t, handler, request{method: "BREW", path: "/v1/orders"})
	want := map[string]uint64{
		"POST /v1/orders 201":            1,
		"POST /v1/orders 400":            1,
		"GET /v1/orders/{id} 200":        1,
		"GET /v1/orders/{id} 404":        1,
		"GET /v1/orders/{id}/events 500": 1,
		"GET / 200":                      1,
		"GET unmatched 404":              2,
		"other /v1/orders 405":           1,
	}
	if diff := cmp.Diff(want, labels(t, registry)); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestMetrics_countClientsThatLeave(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	shop := newShop()
	shop.events = func(ctx context.Context, _ uuid.UUID) ([]projection.Event, error) { return nil, ctx.Err() }
	config := shop.config()
	config.Registerer = registry
	ctx, leave := context.WithCancel(t.Context())
	leave()
	handlerOf(t, config).ServeHTTP(&discard{header: http.Header{}}, get("/v1/orders/"+orderID+"/events").http(ctx))
	if diff := cmp.Diff(map[string]uint64{"GET /v1/orders/{id}/events 499": 1}, labels(t, registry)); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestMetrics_cannotBeRegisteredTwice(t *testing.T) {
	t.Parallel()
	config := newShop().config()
	config.Registerer = prometheus.NewRegistry()
	handlerOf(t, config)
	if _, err := config.server(); err == nil {
		t.Error("two APIs share their metrics")
	}
}

func TestLog_hasEachRequestAtDebugLevel_withoutPayload(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	config := newShop().config()
	config.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	do(t, handlerOf(t, config), post("/v1/orders", creation))
	line := log.String()
	for _, want := range []string{"level=DEBUG", "msg=request", "method=POST", "route=/v1/orders", "status=201", "took="} {
		if !strings.Contains(line, want) {
			t.Errorf("logged %q without %s", line, want)
		}
	}
	if slices.ContainsFunc([]string{"ann", "EUR", "A-1"}, func(s string) bool { return strings.Contains(line, s) }) {
		t.Errorf("logged the payload: %q", line)
	}
}
