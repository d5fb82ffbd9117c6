package tracing

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"orderflow/domain/eventsourcing"
)

// Consume makes a span of the delivery of a record to a consumer, which next is: a child of the command's span, or for an event
// older than ChildFor the first span of a trace that links to it. It has the form of a middleware around every consumer.
func (t *Tracing) Consume(ctx context.Context, consumer string, record eventsourcing.Record, next func(context.Context) error) (err error) {
	if t == nil {
		return next(ctx)
	}
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
	ctx, span := t.tracer.Start(ctx, "consume "+consumer, options...)
	defer func() { end(span, err) }()
	return next(ctx)
}
