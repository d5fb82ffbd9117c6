package tracing_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/adapters/tracing"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recording returns a Tracing and the exporter that gets its spans at once.
func recording(options ...sdktrace.TracerProviderOption) (*tracing.Tracing, *tracetest.InMemoryExporter) {
	exporter := tracetest.NewInMemoryExporter()
	return tracing.New(sdktrace.NewTracerProvider(append(options, sdktrace.WithSyncer(exporter))...)), exporter
}

// commands connects the command side to store.
func commands(t *tracing.Tracing, store ports.EventStore) ports.CommandHandler[order.Command, order.Event] {
	config := command.Config{Store: t.Store(store), Now: time.Now, NewID: uuid.New}
	if pages, ok := store.(ports.HistoryPager); ok {
		config.Pages = t.Pages(pages)
	}
	return tracing.Commands(t, orders.NewCommands(orderjson.New(), config))
}

func creation(id uuid.UUID) order.CreateOrder {
	return order.CreateOrder{
		OrderID: id, CustomerID: "ann@example.org", Currency: "EUR", Items: []order.Item{{SKU: "SECRET-SKU", Quantity: 2, UnitPrice: 1250}},
	}
}

// place creates an order and returns its first event as stored.
func place(t *testing.T, tr *tracing.Tracing, ctx context.Context, metadata map[string]string) eventsourcing.Record {
	t.Helper()
	store, id := memory.New(memory.Options{}), uuid.New()
	if _, err := commands(tr, store).Handle(ctx, ports.CommandRequest[order.Command]{Command: creation(id), Metadata: metadata}); err != nil {
		t.Fatal(err)
	}
	records, err := store.Load(ctx, id, 0)
	if err != nil || len(records) != 1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	return records[0]
}

// named returns the spans of a name.
func named(exporter *tracetest.InMemoryExporter, name string) []tracetest.SpanStub {
	return slices.DeleteFunc(exporter.GetSpans(), func(s tracetest.SpanStub) bool { return s.Name != name })
}

func single(t *testing.T, exporter *tracetest.InMemoryExporter, name string) tracetest.SpanStub {
	t.Helper()
	spans := named(exporter, name)
	if len(spans) != 1 {
		t.Fatalf("%d spans named %s, want 1", len(spans), name)
	}
	return spans[0]
}

// attributesOf returns the attributes of a span as text.
func attributesOf(span tracetest.SpanStub) map[string]string {
	texts := make(map[string]string)
	for _, a := range span.Attributes {
		texts[string(a.Key)] = a.Value.String()
	}
	return texts
}

// everything returns all text of the spans: what an operator of the backend can read.
func everything(exporter *tracetest.InMemoryExporter) string {
	var b strings.Builder
	add := func(attributes []attribute.KeyValue) {
		for _, a := range attributes {
			b.WriteString(string(a.Key) + "=" + a.Value.String() + "\n")
		}
	}
	for _, s := range exporter.GetSpans() {
		b.WriteString(s.Name + " " + s.Status.Description + "\n")
		add(s.Attributes)
		for _, e := range s.Events {
			b.WriteString(e.Name + "\n")
			add(e.Attributes)
		}
		for _, l := range s.Links {
			add(l.Attributes)
		}
	}
	return b.String()
}

// feedConsumer follows the feed of a store, for fanout.
type feedConsumer struct {
	name   string
	feed   ports.ChangeFeed
	handle func(context.Context, eventsourcing.Record) error
	done   *sync.WaitGroup
}

func (c feedConsumer) Name() string { return c.name }

func (c feedConsumer) Pull(ctx context.Context, emit func(context.Context, eventsourcing.Record, func()) error) error {
	subscription, err := c.feed.Subscribe(ctx, c.name)
	if err != nil {
		return err
	}
	defer subscription.Close()
	for {
		delivery, err := subscription.Next(ctx)
		if err != nil {
			return nil
		}
		if err := emit(ctx, delivery.Record, c.done.Done); err != nil {
			return nil
		}
	}
}

func (c feedConsumer) Handle(ctx context.Context, records ...eventsourcing.Record) error {
	for _, r := range records {
		if err := c.handle(ctx, r); err != nil {
			return err
		}
	}
	return nil
}
