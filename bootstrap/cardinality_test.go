package bootstrap_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/bootstrap"
)

// oddRequest returns a request that no sensible client sends. Every number gives another one, and
// after oddKinds numbers each kind has come once.
func oddRequest(n int) *http.Request {
	id, odd := uuid.New(), fmt.Sprintf("odd-%d", n)
	order := fmt.Sprintf(`{"customer_id":%q,"currency":"EUR","items":[{"sku":%q,"quantity":1,"unit_price":5}]}`, odd, odd)
	kinds := []struct{ method, path, body string }{
		{"GET", "/" + odd, ""},
		{"GET", "/v1/" + odd + "/x/y/z", ""},
		{"ODD" + fmt.Sprint(n), "/v1/orders", ""},
		{"ODD" + fmt.Sprint(n), "/" + odd, ""},
		{"DELETE", "/v1/orders/" + id.String(), ""},
		{"GET", "/v1/orders/" + id.String(), ""},
		{"GET", "/v1/orders/" + odd, ""},
		{"GET", "/v1/orders/" + id.String() + "/events?" + odd + "=1", ""},
		{"GET", "/v1/customers/" + odd + "/orders", ""},
		{"GET", "/v1/orders?sku=" + odd, ""},
		{"GET", "/v1/orders?status=" + odd, ""},
		{"GET", "/v1/tables/" + odd, ""},
		{"GET", "/v1/explain/" + odd, ""},
		{"POST", "/v1/consumers/" + odd + "/pause", ""},
		{"POST", "/v1/consumers/" + odd + "/rebuild", ""},
		{"POST", "/v1/orders", order},
		{"POST", "/v1/orders", `{"` + odd + `":1}`},
		{"POST", "/v1/orders", odd},
		{"POST", "/v1/orders/" + id.String() + "/confirm", `{"payment_reference":"` + odd + `"}`},
		{"POST", "/v1/orders/" + id.String() + "/" + odd, `{}`},
		{"PUT", "/v1/orders/" + id.String() + "/items", order},
		{"GET", "/v1/stream?last_event_id=" + odd, ""},
		{"GET", "/v1/stream?" + odd + "=x", ""},
	}
	kind := kinds[n%len(kinds)]
	r := httptest.NewRequest(kind.method, kind.path, strings.NewReader(kind.body))
	r.Host = "localhost"
	if kind.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("User-Agent", odd)
	r.Header.Set("Idempotency-Key", odd)
	return r
}

const oddKinds = 23

// What clients send must not make new series: each of them costs memory here and in Prometheus.
func TestMetrics_haveABoundedNumberOfSeries(t *testing.T) {
	t.Parallel()
	c := config(t.TempDir())
	// otherwise some answers are 429, sooner or later
	c.Access.Limits = endpoint.Limits{Rate: 1e6, Burst: 1e6, Concurrent: 512}
	app, _ := run(t, c, io.Discard)
	const requests = 10_000
	first := seriesOf(t, app)
	for n := range oddKinds {
		app.Handler().ServeHTTP(httptest.NewRecorder(), oddRequest(n))
	}
	before := seriesOf(t, app)
	for n := range requests {
		app.Handler().ServeHTTP(httptest.NewRecorder(), oddRequest(oddKinds+n))
	}
	after := seriesOf(t, app)
	t.Logf("series: %d after the start, %d after one request of each of %d kinds, %d after %d more",
		len(first), len(before), oddKinds, len(after), requests)
	for series := range after {
		if !before[series] {
			t.Errorf("a new series: %s", series)
		}
		if strings.Contains(series, "odd-") || strings.Contains(series, "ODD") {
			t.Errorf("a client has named a series: %s", series)
		}
	}
	if commands := after[`orderflow_commands_total{command="create_order",outcome="accepted"}`]; !commands {
		t.Error("no commands are counted")
	}
	if len(before) == len(first) {
		t.Error("the requests have made no series: nothing was tested")
	}
}

// seriesOf returns the series of a service whose consumers are known to keep up, because the lag of
// the others is left out.
func seriesOf(t *testing.T, app *bootstrap.App) map[string]bool {
	t.Helper()
	var series map[string]bool
	await(t, "lag of every consumer", func() error {
		body := metricsOf(app)
		known, behind := 0, 0
		series = map[string]bool{}
		for line := range strings.Lines(body) {
			if !strings.HasPrefix(line, "#") {
				series[line[:strings.LastIndexByte(line, ' ')]] = true
			}
			if strings.HasPrefix(line, "orderflow_consumer_lag_known{") && strings.HasSuffix(line, " 1\n") {
				known++
			}
			if strings.HasPrefix(line, "orderflow_consumer_lag_events{") && !strings.HasSuffix(line, " 0\n") {
				behind++
			}
		}
		if known < 5 || behind > 0 {
			return fmt.Errorf("the lag of %d is known, and %d are behind", known, behind)
		}
		return nil
	})
	return series
}

func metricsOf(app *bootstrap.App) string {
	answer, request := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Host = "localhost"
	app.Handler().ServeHTTP(answer, request)
	return answer.Body.String()
}

// The names, types and texts of all metrics follow the conventions of Prometheus.
func TestMetrics_followTheConventions(t *testing.T) {
	t.Parallel()
	app, _ := run(t, config(t.TempDir()), io.Discard)
	place(t, app)
	post(t, app, "/v1/consumers/order-read-model/rebuild")
	var body string
	await(t, "figures of a rebuild", func() error {
		if body = metricsOf(app); !strings.Contains(body, "\norderflow_consumer_rebuild_orders_expected{") {
			return fmt.Errorf("none in %d bytes", len(body))
		}
		return nil
	})
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	names := scraped(body)
	for _, want := range []string{
		"orderflow_build_info", "orderflow_commands_total", "orderflow_events_appended_total", "orderflow_command_events_folded",
		"orderflow_consumer_commit_to_applied_seconds", "orderflow_store_append_duration_seconds",
		"orderflow_store_load_duration_seconds", "orderflow_store_size_bytes", "orderflow_store_wal_size_bytes",
		"orderflow_store_free_bytes", "orderflow_store_outbox_records", "orderflow_sink_size_bytes", "orderflow_reads_waiting",
		"orderflow_streams_open", "go_goroutines", "process_resident_memory_bytes",
	} {
		if names[want] == nil {
			t.Errorf("no %s; there are %v", want, slices.Sorted(maps.Keys(names)))
		}
	}
	if t.Failed() {
		return
	}
	for _, want := range []string{
		`orderflow_events_appended_total{event_type="order.created"} 1`,
		`orderflow_commands_total{command="create_order",outcome="accepted"} 1`,
		`orderflow_store_append_duration_seconds_count{store="embedded"} 1`,
		`orderflow_consumer_commit_to_applied_seconds_count{consumer="order-read-model"} `,
		`orderflow_store_outbox_records 1`,
	} {
		if !strings.Contains(body, "\n"+want) {
			t.Errorf("no %s", want)
		}
	}
}
