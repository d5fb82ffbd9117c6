package tracing

import (
	"context"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Commands makes a span for every command and stores its context with the events.
func Commands[C eventsourcing.Command, E any](t *Tracing, next ports.CommandHandler[C, E]) ports.CommandHandler[C, E] {
	if t == nil {
		return next
	}
	return commands[C, E]{t, next}
}

type commands[C eventsourcing.Command, E any] struct {
	*Tracing
	next ports.CommandHandler[C, E]
}

// Handle implements ports.CommandHandler.
func (c commands[C, E]) Handle(ctx context.Context, request ports.CommandRequest[C]) (_ ports.CommandResult[E], err error) {
	if any(request.Command) == nil {
		return c.next.Handle(ctx, request) // next refuses it
	}
	ctx, span := c.tracer.Start(ctx, request.Command.Name(), trace.WithAttributes(orderAttr(request.Command.AggregateID())))
	defer func() { end(span, err) }()
	if request.CommandID != uuid.Nil {
		span.SetAttributes(attrCommand.String(request.CommandID.String()))
	}
	request.Metadata = c.stamp(ctx, request.Metadata)
	result, err := c.next.Handle(ctx, request)
	if err == nil {
		span.SetAttributes(sequenceAttr(result.SequenceNumber), attrEvents.Int(len(result.Events)))
	}
	return result, err
}

// Store makes a span for every call that belongs to a trace, and for no other call. Otherwise the
// background work of the service would give many traces of one span.
func (t *Tracing) Store(next ports.EventStore) ports.EventStore {
	if t == nil {
		return next
	}
	return store{t, next}
}

type store struct {
	*Tracing
	next ports.EventStore
}

// Load implements ports.EventStore.
func (s store) Load(ctx context.Context, aggregateID uuid.UUID, after uint64) (_ []eventsourcing.Record, err error) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return s.next.Load(ctx, aggregateID, after)
	}
	ctx, span := s.tracer.Start(ctx, "load", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(orderAttr(aggregateID)))
	defer func() { end(span, err) }()
	records, err := s.next.Load(ctx, aggregateID, after)
	span.SetAttributes(attrEvents.Int(len(records)))
	return records, err
}

// Pages makes a span for every page of a history, as Store does.
func (t *Tracing) Pages(next ports.HistoryPager) ports.HistoryPager {
	if t == nil {
		return next
	}
	return pages{t, next}
}

type pages struct {
	*Tracing
	next ports.HistoryPager
}

// LoadPage implements ports.HistoryPager.
func (p pages) LoadPage(
	ctx context.Context, aggregateID uuid.UUID, after uint64, limit int,
) (_ []eventsourcing.Record, err error) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return p.next.LoadPage(ctx, aggregateID, after, limit)
	}
	ctx, span := p.tracer.Start(ctx, "load", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(orderAttr(aggregateID)))
	defer func() { end(span, err) }()
	records, err := p.next.LoadPage(ctx, aggregateID, after, limit)
	span.SetAttributes(attrEvents.Int(len(records)))
	return records, err
}

// Append implements ports.EventStore.
func (s store) Append(ctx context.Context, a ports.Append) (_ ports.Appended, err error) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return s.next.Append(ctx, a)
	}
	types := make([]string, len(a.Records))
	for i, record := range a.Records {
		types[i] = record.EventType
	}
	ctx, span := s.tracer.Start(ctx, "append", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		orderAttr(a.AggregateID), sequenceAttr(a.Expected+uint64(len(a.Records))), attrEvents.Int(len(a.Records)),
		attrEventType.StringSlice(types)))
	defer func() { end(span, err) }()
	return s.next.Append(ctx, a)
}

// Publisher makes a span for every record that is published. It does not change the record.
func (t *Tracing) Publisher(next ports.Publisher) ports.Publisher {
	if t == nil {
		return next
	}
	if probe, ok := next.(ports.Probe); ok {
		return probedPublisher{publisher{t, next}, probe}
	}
	return publisher{t, next}
}

// probedPublisher is for a publisher whose target can be probed. Probes are not traced.
type probedPublisher struct {
	publisher
	target ports.Probe
}

// Probe implements ports.Probe.
func (p probedPublisher) Probe(ctx context.Context) error { return p.target.Probe(ctx) }

type publisher struct {
	*Tracing
	next ports.Publisher
}

// Publish implements ports.Publisher.
func (p publisher) Publish(ctx context.Context, record eventsourcing.Record) (err error) {
	ctx, span := p.tracer.Start(within(ctx, record.EventID), "publish", trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		orderAttr(record.AggregateID), sequenceAttr(record.SequenceNumber), attrEventType.String(record.EventType)))
	defer func() { end(span, err) }()
	return p.next.Publish(ctx, record)
}
