package tracing

import (
	"context"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"orderflow/domain/eventsourcing"
)

// Consume calls next, which delivers records to a consumer, with one span for each record. The span
// is a child of the command's span. For an event older than ChildFor it is the first span of a new
// trace, with a link to the command's span. Consume has the signature of a middleware for
// consumers. When next does something for one of several records, it finds the span of that record;
// see [Tracing.Publisher].
func (t *Tracing) Consume(
	ctx context.Context, consumer string, records []eventsourcing.Record, next func(context.Context) error,
) (err error) {
	if t == nil {
		return next(ctx)
	}
	if len(records) == 1 {
		ctx, span := t.consume(ctx, consumer, &records[0])
		defer func() { end(span, err) }()
		return next(ctx)
	}
	spans := make(batch, len(records))
	for i := range records {
		_, spans[records[i].EventID] = t.consume(ctx, consumer, &records[i])
	}
	defer func() {
		for _, span := range spans {
			end(span, err)
		}
	}()
	return next(context.WithValue(ctx, batchKey{}, spans))
}

// batch holds the spans of records that are handled together, by event id.
type batch map[uuid.UUID]trace.Span

type batchKey struct{}

// within returns ctx with the span of an event, when the event is one of several that are handled
// together.
func within(ctx context.Context, eventID uuid.UUID) context.Context {
	if spans, ok := ctx.Value(batchKey{}).(batch); ok && spans[eventID] != nil {
		return trace.ContextWithSpan(ctx, spans[eventID])
	}
	return ctx
}

func (t *Tracing) consume(ctx context.Context, consumer string, record *eventsourcing.Record) (context.Context, trace.Span) {
	age := t.now().Sub(record.CreatedAt)
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attrConsumer.String(consumer), orderAttr(record.AggregateID), sequenceAttr(record.SequenceNumber),
		attrEventType.String(record.EventType), attrAge.Int64(age.Milliseconds()))}
	origin := t.propagator.Extract(ctx, propagation.MapCarrier(record.Metadata))
	if age <= ChildFor {
		ctx = origin
	} else if stored := trace.SpanContextFromContext(origin); stored.IsValid() {
		options = append(options, trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: stored}))
	}
	return t.tracer.Start(ctx, "consume "+consumer, options...)
}
