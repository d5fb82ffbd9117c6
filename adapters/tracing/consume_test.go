package tracing_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"orderflow/adapters/tracing"
	"orderflow/domain/eventsourcing"
)

func TestConsume(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context) error { return nil }

	t.Run("continues the trace of a new event", func(t *testing.T) {
		t.Parallel()
		tr, exporter := recording()
		record := place(t, tr, t.Context(), nil)
		if err := tr.Consume(t.Context(), "a", []eventsourcing.Record{record}, nothing); err != nil {
			t.Fatal(err)
		}
		consumed, command := single(t, exporter, "consume a"), single(t, exporter, "create_order")
		if consumed.Parent.SpanID() != command.SpanContext.SpanID() || len(consumed.Links) != 0 {
			t.Errorf("parent %s, links %v", consumed.Parent.SpanID(), consumed.Links)
		}
	})

	t.Run("links an old event to its trace", func(t *testing.T) {
		t.Parallel()
		tr, exporter := recording()
		record := place(t, tr, t.Context(), nil)
		record.CreatedAt = record.CreatedAt.Add(-tracing.ChildFor - time.Second)
		var below trace.SpanContext
		if err := tr.Consume(t.Context(), "a", []eventsourcing.Record{record}, func(ctx context.Context) error {
			below = trace.SpanContextFromContext(ctx)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		consumed, command := single(t, exporter, "consume a"), single(t, exporter, "create_order")
		if consumed.Parent.IsValid() || consumed.SpanContext.TraceID() == command.SpanContext.TraceID() {
			t.Errorf("it is in the old trace, below %s", consumed.Parent.SpanID())
		}
		if len(consumed.Links) != 1 || consumed.Links[0].SpanContext.SpanID() != command.SpanContext.SpanID() {
			t.Errorf("links %v, want one to the command", consumed.Links)
		}
		if below.TraceID() != consumed.SpanContext.TraceID() {
			t.Error("what the consumer does is in another trace")
		}
	})

	t.Run("starts a trace for an event without one", func(t *testing.T) {
		t.Parallel()
		tr, exporter := recording()
		for _, metadata := range []map[string]string{nil, {"traceparent": "nonsense"}} {
			record := eventsourcing.Record{Header: eventsourcing.Header{AggregateType: "order", CreatedAt: time.Now(), Metadata: metadata}}
			if err := tr.Consume(t.Context(), "a", []eventsourcing.Record{record}, nothing); err != nil {
				t.Fatal(err)
			}
			consumed := single(t, exporter, "consume a")
			if consumed.Parent.IsValid() || len(consumed.Links) != 0 || !consumed.SpanContext.IsValid() {
				t.Errorf("%v: parent %v, links %v", metadata, consumed.Parent, consumed.Links)
			}
			exporter.Reset()
		}
	})

	t.Run("follows the decision not to sample", func(t *testing.T) {
		t.Parallel()
		tr, exporter := recording()
		record := eventsourcing.Record{Header: eventsourcing.Header{
			AggregateType: "order",
			CreatedAt:     time.Now(), Metadata: map[string]string{"traceparent": "00-" + clientTrace + "-" + clientSpan + "-00"},
		}}
		if err := tr.Consume(t.Context(), "a", []eventsourcing.Record{record}, nothing); err != nil {
			t.Fatal(err)
		}
		if spans := exporter.GetSpans(); len(spans) != 0 {
			t.Errorf("%d spans", len(spans))
		}
	})

	t.Run("returns the error and tells its kind, not its text", func(t *testing.T) {
		t.Parallel()
		tr, exporter := recording()
		failure := errors.New("payload of ann")
		if err := tr.Consume(t.Context(), "a", []eventsourcing.Record{{}}, func(context.Context) error { return failure }); !errors.Is(err, failure) {
			t.Errorf("error %v", err)
		}
		got := attributesOf(single(t, exporter, "consume a"))
		if diff := cmp.Diff("other", got["error.type"]); diff != "" {
			t.Error(diff)
		}
	})
}
