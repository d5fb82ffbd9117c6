package tracing_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"orderflow/adapters/fanout"
	"orderflow/adapters/memory"
	"orderflow/adapters/tracing"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

const (
	clientTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	clientSpan   = "00f067aa0ba902b7"
	clientParent = "00-" + clientTrace + "-" + clientSpan + "-01"
)

// One trace goes from the traceparent header of a request to the publisher, and each span is below
// the one that caused it.
func TestTracing_oneTraceFromRequestToPublisher(t *testing.T) {
	t.Parallel()
	tr, exporter := recording()
	store, published, id := memory.New(memory.Options{}), &memory.Publisher{}, uuid.New()
	publisher := tr.Publisher(published)

	var done sync.WaitGroup
	done.Add(3)
	var consumers []fanout.Consumer
	for _, c := range []feedConsumer{
		{name: "view-a", handle: func(context.Context, eventsourcing.Record) error { return nil }},
		{name: "view-b", handle: func(context.Context, eventsourcing.Record) error { return nil }},
		{name: "publisher", handle: publisher.Publish},
	} {
		if err := store.SeekEnd(t.Context(), c.name); err != nil {
			t.Fatal(err)
		}
		c.feed, c.done = store, &done
		consumers = append(consumers, c)
	}
	router, err := fanout.New(fanout.Config{Middleware: fanout.Around(tr.Consume)}, consumers...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()

	handler := commands(tr, store)
	request := httptest.NewRequest(http.MethodPost, "/v1/orders", nil)
	request.Header.Set("traceparent", clientParent)
	request.Header.Set("tracestate", "vendor=1")
	request.Header.Set("baggage", "customer=ann@example.org")
	requestCtx, finish := tr.Request(request)
	if _, err := handler.Handle(requestCtx, ports.CommandRequest[order.Command]{Command: creation(id), CommandID: uuid.New()}); err != nil {
		t.Fatal(err)
	}
	finish("/v1/orders", http.StatusCreated)
	done.Wait()
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}

	parents := map[string]string{
		"append": "create_order", "create_order": "POST /v1/orders",
		"consume view-a": "create_order", "consume view-b": "create_order", "consume publisher": "create_order", "publish": "consume publisher",
	}
	for _, span := range exporter.GetSpans() {
		if got := span.SpanContext.TraceID().String(); got != clientTrace {
			t.Errorf("%s is in the trace %s, want %s", span.Name, got, clientTrace)
		}
		want := clientSpan
		if parent := parents[span.Name]; parent != "" {
			want = single(t, exporter, parent).SpanContext.SpanID().String()
		}
		if got := span.Parent.SpanID().String(); got != want {
			t.Errorf("the parent of %s is %s, want %s (%s)", span.Name, got, want, parents[span.Name])
		}
	}
	if got, want := len(exporter.GetSpans()), len(parents)+1; got != want {
		t.Errorf("%d spans, want %d", got, want)
	}
	if text := everything(exporter); strings.Contains(text, "ann") || strings.Contains(text, "SECRET") {
		t.Errorf("a customer or a payload is in the spans:\n%s", text)
	}

	// What is published to a broker refers to the command.
	want := map[string]string{
		tracing.MetadataTraceParent: "00-" + clientTrace + "-" + single(t, exporter, "create_order").SpanContext.SpanID().String() + "-01",
		tracing.MetadataTraceState:  "vendor=1",
	}
	got := published.Published()[0].Metadata
	delete(got, "command_digest")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metadata that is published (-want +got):\n%s", diff)
	}
}

func TestTracing_spansSayWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	tr, exporter := recording()
	record := place(t, tr, t.Context(), nil)
	if err := tr.Consume(t.Context(), "view-a", []eventsourcing.Record{record}, func(ctx context.Context) error {
		_, err := tr.Store(memory.New(memory.Options{})).Load(ctx, record.AggregateID, 0)
		return errors.Join(err, tr.Publisher(&memory.Publisher{}).Publish(ctx, record))
	}); err != nil {
		t.Fatal(err)
	}
	id := record.AggregateID.String()
	for name, want := range map[string]struct {
		kind       trace.SpanKind
		attributes map[string]string
	}{
		"create_order": {trace.SpanKindInternal, map[string]string{
			"orderflow.order_id": id, "orderflow.sequence_number": "1", "orderflow.events": "1",
		}},
		"load": {trace.SpanKindClient, map[string]string{"orderflow.order_id": id, "orderflow.events": "0"}},
		"append": {trace.SpanKindClient, map[string]string{
			"orderflow.order_id": id, "orderflow.sequence_number": "1", "orderflow.events": "1", "orderflow.event_type": `["order.created"]`,
		}},
		"consume view-a": {trace.SpanKindConsumer, map[string]string{
			"orderflow.order_id": id, "orderflow.sequence_number": "1", "orderflow.event_type": "order.created", "orderflow.consumer": "view-a",
		}},
		"publish": {trace.SpanKindProducer, map[string]string{
			"orderflow.order_id": id, "orderflow.sequence_number": "1", "orderflow.event_type": "order.created",
		}},
	} {
		span := single(t, exporter, name)
		got := attributesOf(span)
		delete(got, "orderflow.event_age_ms")
		if diff := cmp.Diff(want.attributes, got); diff != "" || span.SpanKind != want.kind {
			t.Errorf("%s: kind %s, attributes (-want +got):\n%s", name, span.SpanKind, diff)
		}
	}
}
