package tracing_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

func TestRequest(t *testing.T) {
	t.Parallel()

	t.Run("is named by method and route", func(t *testing.T) {
		t.Parallel()
		tr, exporter := recording()
		_, finish := tr.Request(httptest.NewRequest(http.MethodGet, "/v1/customers/ann/orders?cursor=x", nil))
		finish("/v1/customers/{id}/orders", http.StatusOK)
		span := single(t, exporter, "GET /v1/customers/{id}/orders")
		want := map[string]string{
			"http.request.method": "GET", "http.route": "/v1/customers/{id}/orders", "http.response.status_code": "200",
		}
		if diff := cmp.Diff(want, attributesOf(span)); diff != "" || span.SpanKind != trace.SpanKindServer || span.Status.Code != codes.Unset {
			t.Errorf("kind %s, status %v, attributes (-want +got):\n%s", span.SpanKind, span.Status, diff)
		}
	})

	t.Run("fails when the service fails", func(t *testing.T) {
		t.Parallel()
		tr, exporter := recording()
		for status, want := range map[int]codes.Code{503: codes.Error, 499: codes.Unset, 422: codes.Unset} {
			exporter.Reset()
			_, finish := tr.Request(httptest.NewRequest(http.MethodGet, "/x", nil))
			finish("/x", status)
			if got := single(t, exporter, "GET /x").Status.Code; got != want {
				t.Errorf("%d: status %v, want %v", status, got, want)
			}
		}
	})

	t.Run("starts a trace when the header makes no sense", func(t *testing.T) {
		t.Parallel()
		for _, header := range []string{"", "x", "00-" + clientTrace + "-0000000000000000-01", "ff-" + clientTrace + "-" + clientSpan + "-01"} {
			tr, exporter := recording()
			request := httptest.NewRequest(http.MethodGet, "/x", nil)
			request.Header.Set("traceparent", header)
			_, finish := tr.Request(request)
			finish("/x", http.StatusOK)
			span := single(t, exporter, "GET /x")
			if span.Parent.IsValid() || span.SpanContext.TraceID().String() == clientTrace {
				t.Errorf("%q: below %v", header, span.Parent)
			}
		}
	})

	t.Run("keeps names that clients make up out", func(t *testing.T) {
		t.Parallel()
		tr, exporter := recording()
		_, finish := tr.Request(httptest.NewRequest("BREW", "/x", nil))
		finish("unmatched", http.StatusNotFound)
		single(t, exporter, "_OTHER unmatched")
	})

	t.Run("leaves probes alone", func(t *testing.T) {
		t.Parallel()
		tr, exporter := recording()
		for _, path := range []string{"/livez", "/readyz", "/metrics"} {
			_, finish := tr.Request(httptest.NewRequest(http.MethodGet, path, nil))
			finish(path, http.StatusOK)
		}
		if spans := exporter.GetSpans(); len(spans) != 0 {
			t.Errorf("%d spans", len(spans))
		}
	})
}
