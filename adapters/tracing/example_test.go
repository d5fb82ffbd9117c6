package tracing_test

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"orderflow/adapters/memory"
	"orderflow/adapters/tracing"
	"orderflow/application/orders"
)

// The events of a command carry its trace context, so every consumer can continue the trace.
func ExampleCommands() {
	ctx, store := context.Background(), memory.New(memory.Options{})
	spans := tracetest.NewInMemoryExporter()
	traced := tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)))

	id := uuid.New()
	if _, err := commands(traced, store).Handle(ctx, orders.Request{Command: creation(id)}); err != nil {
		fmt.Println(err)
	}
	records, err := store.Load(ctx, id, 0)
	if err != nil {
		fmt.Println(err)
	}
	for _, span := range spans.GetSpans() {
		fmt.Println(span.Name)
	}
	_, stored := records[0].Metadata[tracing.MetadataTraceParent]
	fmt.Println("stored with the event:", stored)

	// Output:
	// append
	// create_order
	// stored with the event: true
}
