package tracing

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// The keys of an event's metadata for its trace context, in the format of W3C Trace Context.
const (
	MetadataTraceParent = "traceparent"
	MetadataTraceState  = "tracestate"
)

// ChildFor is the age up to which an event is handled in the trace of its command.
const ChildFor = 5 * time.Minute

// maxTraceState is the longest tracestate that is stored with an event.
const maxTraceState = 512

// The attributes of spans.
const (
	attrOrder     = attribute.Key("orderflow.order_id")
	attrCommand   = attribute.Key("orderflow.command_id")
	attrSequence  = attribute.Key("orderflow.sequence_number")
	attrEvents    = attribute.Key("orderflow.events")
	attrEventType = attribute.Key("orderflow.event_type")
	attrConsumer  = attribute.Key("orderflow.consumer")
	attrAge       = attribute.Key("orderflow.event_age_ms")
	attrRefused   = attribute.Key("orderflow.refused")
	attrError     = attribute.Key("error.type")
)

// Tracing makes spans. A nil Tracing is switched off. It is safe for concurrent use.
type Tracing struct {
	tracer     trace.Tracer
	propagator propagation.TraceContext
	now        func() time.Time
	closing    sync.Once
	close      func()
}

// New returns a Tracing whose spans go to provider. The caller shuts the provider down.
func New(provider trace.TracerProvider) *Tracing {
	return &Tracing{tracer: provider.Tracer("orderflow"), now: time.Now, close: func() {}}
}

// Close exports the remaining spans. It always returns nil: spans that a backend does not accept
// are logged.
func (t *Tracing) Close() error {
	if t != nil {
		t.closing.Do(t.close)
	}
	return nil
}

// stamp returns metadata with the trace context of ctx, and without any other trace context.
func (t *Tracing) stamp(ctx context.Context, metadata map[string]string) map[string]string {
	stamped := make(map[string]string, len(metadata)+2)
	maps.Copy(stamped, metadata)
	delete(stamped, MetadataTraceParent)
	delete(stamped, MetadataTraceState)
	t.propagator.Inject(ctx, propagation.MapCarrier(stamped))
	if len(stamped[MetadataTraceState]) > maxTraceState {
		delete(stamped, MetadataTraceState)
	}
	return stamped
}

func orderAttr(id uuid.UUID) attribute.KeyValue { return attrOrder.String(id.String()) }

func sequenceAttr(number uint64) attribute.KeyValue { return attrSequence.Int64(int64(number)) }

// end ends span with the result of its work. It leaves out the texts of errors, because they may
// contain anything.
func end(span trace.Span, err error) {
	defer span.End()
	var refused eventsourcing.Refused
	switch {
	case err == nil:
	case errors.As(err, &refused):
		span.SetAttributes(attrRefused.String(refused.Refusal().Code))
	default:
		kind := kindOf(err)
		span.SetAttributes(attrError.String(kind))
		span.SetStatus(codes.Error, kind)
	}
}

// kindOf returns one of a fixed number of words for err.
func kindOf(err error) string {
	for _, known := range []error{
		ports.ErrNotFound, ports.ErrVersionConflict, ports.ErrOutcomeUnknown, ports.ErrUnavailable, ports.ErrCorrupt,
		ports.ErrClosed,
		context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "other"
}
