package explain

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Config is what an [Explainer] needs. Fields without a stated default are required.
type Config struct {
	Store ports.HistoryPager
	Views ports.ViewStore
	// Consumers are the names of all consumers, in the order in which they are shown.
	Consumers []string
	// Takes reports whether a consumer takes events of an aggregate type. Nil means that all
	// consumers take all types. A consumer that does not take the type is left out of the
	// explanation, because it will never apply the events.
	Takes func(consumer, aggregateType string) bool
	// View returns the view whose state says how far a consumer is.
	View     func(consumer string) ports.ViewID
	Recorder *Recorder
}

// Explainer implements ports.Explainer. It is safe for concurrent use.
type Explainer struct {
	config Config
}

var _ ports.Explainer = (*Explainer)(nil)

// New returns an Explainer.
func New(config Config) *Explainer { return &Explainer{config: config} }

// Explain implements ports.Explainer.
func (e *Explainer) Explain(
	ctx context.Context, aggregateID uuid.UUID, after uint64, limit int,
) (ports.Explanation, error) {
	history, aggregateType, err := e.history(ctx, aggregateID, after, limit+1)
	if err != nil {
		return ports.Explanation{}, fmt.Errorf("explain aggregate %s: %w", aggregateID, err)
	}
	more := len(history) > limit
	history = history[:min(limit, len(history))]
	explanation := ports.Explanation{
		AggregateID: aggregateID, AggregateType: aggregateType, More: more,
		Events: make([]ports.ExplainedEvent, len(history)),
	}
	consumers := e.takers(explanation.AggregateType)
	for i, record := range history {
		explanation.Events[i] = e.event(record, consumers)
	}
	for i, consumer := range consumers {
		// The state is read after the recorded times. So an event that was handled but is not
		// applied has really failed.
		state, err := e.config.Views.State(ctx, e.config.View(consumer), aggregateID)
		if err != nil {
			return ports.Explanation{}, fmt.Errorf("explain aggregate %s: %s: %w", aggregateID, consumer, err)
		}
		for j, record := range history {
			e.settle(&explanation.Events[j].Consumers[i], record, state.SequenceNumber)
		}
	}
	return explanation, nil
}

// history returns a part of a history, which may be empty, and the type of the aggregate.
func (e *Explainer) history(
	ctx context.Context, aggregateID uuid.UUID, after uint64, limit int,
) ([]eventsourcing.Record, string, error) {
	records, err := e.config.Store.LoadPage(ctx, aggregateID, after, limit)
	first := records
	if err == nil && len(records) == 0 && after > 0 {
		first, err = e.config.Store.LoadPage(ctx, aggregateID, 0, 1)
	}
	if err == nil && len(first) == 0 {
		err = ports.ErrNotFound
	}
	if err != nil {
		return nil, "", err
	}
	return records, first[0].AggregateType, nil
}

// takers returns the consumers that take events of an aggregate type.
func (e *Explainer) takers(aggregateType string) []string {
	if e.config.Takes == nil {
		return e.config.Consumers
	}
	return slices.DeleteFunc(slices.Clone(e.config.Consumers), func(consumer string) bool {
		return !e.config.Takes(consumer, aggregateType)
	})
}

func (e *Explainer) event(record eventsourcing.Record, consumers []string) ports.ExplainedEvent {
	event := ports.ExplainedEvent{
		EventID: record.EventID, SequenceNumber: record.SequenceNumber,
		EventType: record.EventType, EventVersion: record.EventVersion,
		CommandID: record.CommandID, CorrelationID: record.CorrelationID, CausationID: record.CausationID,
		TraceID: traceID(record.Metadata["traceparent"]), CreatedAt: record.CreatedAt,
		Consumers: make([]ports.ExplainedConsumer, len(consumers)),
	}
	for i, consumer := range consumers {
		event.Consumers[i].Consumer = consumer
		e.config.Recorder.recall(record, &event.Consumers[i])
	}
	return event
}

// settle sets whether the consumer has applied the event, given its sequence number, and why there
// are no times.
func (e *Explainer) settle(told *ports.ExplainedConsumer, record eventsourcing.Record, at uint64) {
	told.Applied = record.SequenceNumber <= at
	if told.Applied && told.HandledAt.IsZero() {
		e.config.Recorder.recall(record, told) // the consumer may have handled it since
	}
	switch {
	case !told.SeenAt.IsZero():
	case told.Applied:
		told.Unknown = e.config.Recorder.gap(record)
	default:
		told.Unknown = ports.GapWaiting
	}
}

// traceID returns the second part of a W3C traceparent (version-trace-span-flags). It is empty when
// there is none.
func traceID(traceparent string) string {
	parts := strings.Split(traceparent, "-")
	if len(parts) < 4 || len(parts[1]) != 32 {
		return ""
	}
	return parts[1]
}
