package tracing

import (
	"context"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Request starts the span of an HTTP request, below the span that its traceparent header names. The
// returned function ends the span. Its argument route is one of a fixed number of routes, and
// becomes a part of the span's name. Requests of probes and scrapers have no span.
func (t *Tracing) Request(r *http.Request) (ctx context.Context, finish func(route string, status int)) {
	ctx = r.Context()
	switch r.URL.Path {
	case "/livez", "/readyz", "/metrics":
		return ctx, func(string, int) {}
	}
	ctx, span := t.tracer.Start(t.propagator.Extract(ctx, propagation.HeaderCarrier(r.Header)), "HTTP",
		trace.WithSpanKind(trace.SpanKindServer))
	return ctx, func(route string, status int) {
		defer span.End()
		method := methodOf(r)
		span.SetName(method + " " + route)
		span.SetAttributes(
			attribute.String("http.request.method", method),
			attribute.String("http.route", route),
			attribute.Int("http.response.status_code", status),
		)
		if status >= http.StatusInternalServerError {
			span.SetAttributes(attrError.String(strconv.Itoa(status)))
			span.SetStatus(codes.Error, "")
		}
	}
}

// methodOf keeps method names that clients invent out of the spans.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions:
		return r.Method
	default:
		return "_OTHER"
	}
}
