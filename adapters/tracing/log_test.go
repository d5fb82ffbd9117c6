package tracing_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/propagation"
)

func TestLogHandler(t *testing.T) {
	t.Parallel()
	tr, _ := recording()
	var out bytes.Buffer
	log := slog.New(tr.LogHandler(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})))
	traced := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": clientParent})
	log.InfoContext(traced, "in a trace", "n", 1)
	log.With("consumer", "a").InfoContext(traced, "with attributes")
	log.DebugContext(traced, "not wanted")
	log.Info("in no trace")
	const ids = "trace_id=" + clientTrace + " span_id=" + clientSpan + "\n"
	want := `level=INFO msg="in a trace" n=1 ` + ids +
		`level=INFO msg="with attributes" consumer=a ` + ids +
		"level=INFO msg=\"in no trace\"\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
